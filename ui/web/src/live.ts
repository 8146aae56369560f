// <nvr-live>: one live picture. A plain custom element with an explicit state
// machine; it dispatches "livestate" whenever what it shows changes.

import type { Stream, StreamName } from "./api";
import { Latency } from "./latency";
import { now } from "./time";

export type LiveState =
  | "idle" // nobody looks: hidden tab, scrolled away
  | "connecting" // no picture yet
  | "live"
  | "stale" // the picture is older than staleAfter
  | "reconnecting" // the connection to the recorder broke
  | "offline" // the camera delivers nothing; the recorder keeps trying
  | "unplayable"; // this browser has no decoder for any stream of the camera

export interface LiveInfo {
  state: LiveState;
  stream: StreamName;
  /** the codec of the main stream, when another stream is shown because this browser cannot play it */
  instead?: string;
  cause?: string;
  detail?: string;
  codec?: string;
  width?: number;
  height?: number;
  /** age of the picture, ms; undefined without picture */
  age?: number;
  /** recorder's time of the last picture */
  last?: number;
  stalls: number;
}

interface FormatMessage {
  type: "format";
  mime: string;
  codec: string;
  codecs: string;
  width: number;
  height: number;
  now: string;
}
interface ClockMessage {
  type: "clock";
  now: string;
  media?: number;
  capture?: string;
}
interface StateMessage {
  type: "state";
  state: "down";
  cause: string;
  detail: string;
}
type Message = FormatMessage | ClockMessage | StateMessage | { type: "skip"; units: number };

const staleAfter = 2000; // ms
const silentFor = 8000; // ms without a word before the connection is given up
const keep = 8; // seconds of media behind the picture
const giveUpAfter = 3; // refusals in a row before a picture is called unplayable
const stagger = 60; // ms between the starts of tiles

let nextStart = 0;

/** slot gives the delay after which a tile may start, so that many do not start at once. */
function slot(): number {
  const t = performance.now();
  nextStart = Math.max(t, nextStart + stagger);
  return nextStart - t;
}

/** playable asks the browser whether it can play a stream. */
export function playable(s: { codecs?: string } | undefined): boolean {
  return !!s?.codecs && MediaSource.isTypeSupported(`video/mp4; codecs="${s.codecs}"`);
}

export class LiveElement extends HTMLElement {
  private readonly video = document.createElement("video");
  private camera = "";
  private wanted: StreamName = "sub";
  private streams: Stream[] = [];
  private info: LiveInfo = { state: "idle", stream: "sub", stalls: 0 };
  private told = "";

  private socket: WebSocket | undefined;
  private media: MediaSource | undefined;
  private buffer: SourceBuffer | undefined;
  private url = "";
  private queue: ArrayBuffer[] = [];
  private latency = new Latency();
  private mapping: { media: number; capture: number } | undefined;
  private heardAt = 0;
  private tries = 0;
  private broken = 0; // times in a row that the browser refused what was sent
  private presented = -1; // media time of the last picture shown, seconds
  private begin = 0; // timer of the next start
  private watch = 0; // timer of the state machine
  private inView = false;
  private seen = new IntersectionObserver((entries) => {
    this.inView = entries.some((e) => e.isIntersecting);
    this.attend();
  }, { rootMargin: "120px" });
  private readonly onVisibility = (): void => this.attend();

  /** show says what to show; the same again changes nothing. */
  show(camera: string, wanted: StreamName, streams: Stream[]): void {
    const before = this.pick();
    const same = camera === this.camera && wanted === this.wanted;
    this.camera = camera;
    this.wanted = wanted;
    this.streams = streams;
    const after = this.pick();
    if (!same || before.stream !== after.stream || before.ok !== after.ok) {
      this.stop("idle");
      this.attend();
    } else {
      this.info.instead = after.instead as string;
    }
  }

  /** latest gives what is shown now. */
  get latest(): LiveInfo {
    return { ...this.info };
  }

  connectedCallback(): void {
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.autoplay = true;
    this.video.disablePictureInPicture = true;
    this.video.setAttribute("aria-hidden", "true");
    this.video.tabIndex = -1;
    this.video.onwaiting = () => {
      if (this.info.state === "live" && this.buffer) this.info.stalls = this.latency.stalled();
    };
    this.append(this.video);
    this.seen.observe(this);
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  disconnectedCallback(): void {
    this.seen.disconnect();
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.stop("idle");
  }

  /** pick chooses the stream: what is wanted where it can be played, else the other one, with the reason. */
  private pick(): { stream: StreamName; ok: boolean; instead?: string } {
    const main = this.streams.find((s) => s.stream === "main");
    const sub = this.streams.find((s) => s.stream === "sub");
    const wanted = this.wanted === "main" ? (main ?? sub) : (sub ?? main);
    const other = wanted === main ? sub : main;
    const unknown = (s: Stream | undefined): boolean => !!s && !s.codecs; // the connection will tell
    const mainCannot = main?.codecs && !playable(main) ? (main.codec ?? main.codecs) : undefined;
    const with_ = (s: Stream, ok: boolean): { stream: StreamName; ok: boolean; instead?: string } =>
      s === sub && mainCannot ? { stream: s.stream, ok, instead: mainCannot } : { stream: s.stream, ok };
    if (!wanted) return { stream: this.wanted, ok: true };
    if (unknown(wanted) || playable(wanted)) return with_(wanted, true);
    if (other && (unknown(other) || playable(other))) return with_(other, true);
    return with_(wanted, false);
  }

  /** attend starts when somebody looks and stops when nobody does. */
  private attend(): void {
    const looked = this.isConnected && this.inView && !document.hidden && this.camera !== "";
    if (!looked) {
      if (this.info.state !== "idle") this.stop("idle");
      return;
    }
    if (this.info.state !== "idle") return;
    const p = this.pick();
    this.info = { state: p.ok ? "connecting" : "unplayable", stream: p.stream, stalls: 0 };
    if (p.instead) this.info.instead = p.instead;
    if (!p.ok) {
      const s = this.streams.find((x) => x.stream === p.stream);
      if (s?.codec) this.info.codec = s.codec;
      this.tell();
      return;
    }
    this.tell();
    this.begin = window.setTimeout(() => this.open(), slot());
  }

  private open(): void {
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    const ws = new WebSocket(`${scheme}${location.host}/api/v1/live/${encodeURIComponent(this.camera)}?stream=${this.info.stream}`);
    ws.binaryType = "arraybuffer";
    this.socket = ws;
    this.heardAt = performance.now();
    ws.onmessage = (e: MessageEvent<string | ArrayBuffer>) => {
      if (this.socket !== ws) return;
      this.heardAt = performance.now();
      if (typeof e.data === "string") this.message(JSON.parse(e.data) as Message);
      else this.append_(e.data);
    };
    ws.onclose = () => this.socket === ws && this.again();
    clearInterval(this.watch);
    this.watch = window.setInterval(() => this.look(), 100);
  }

  /** again connects anew after the connection broke, later each time. */
  private again(): void {
    this.drop();
    this.info.state = "reconnecting";
    this.schedule();
  }

  /** refused begins anew because the browser takes nothing more; when that repeats, the picture is not playable here. */
  private refused(): void {
    this.drop();
    this.info.state = ++this.broken < giveUpAfter ? "reconnecting" : "unplayable";
    this.schedule();
  }

  private schedule(): void {
    this.tell();
    const delay = Math.min(8000, 400 * 2 ** this.tries++) * (0.75 + Math.random() / 2);
    this.begin = window.setTimeout(() => this.open(), delay);
  }

  private message(m: Message): void {
    switch (m.type) {
      case "format":
        this.format(m);
        break;
      case "clock":
        // Its time is not taken for the recorder's clock: it queues behind the
        // pictures, and would make a late picture look as if it were live.
        if (m.capture !== undefined && m.media !== undefined) this.mapping = { media: m.media, capture: Date.parse(m.capture) };
        break;
      case "state":
        this.reset();
        this.info.state = "offline";
        this.info.cause = m.cause;
        this.info.detail = m.detail;
        this.tell();
        break;
      case "skip":
        break; // the jump to the newest picture follows by itself
    }
  }

  /** format begins anew: MediaSource takes no other codec or clock half-way. */
  private format(m: FormatMessage): void {
    this.reset();
    this.info.codec = m.codec;
    this.info.width = m.width;
    this.info.height = m.height;
    delete this.info.cause;
    delete this.info.detail;
    if (!MediaSource.isTypeSupported(m.mime)) {
      // The page did not know the codec when it asked: remember, and try the other stream.
      this.streams = this.streams.map((s) => (s.stream === this.info.stream ? { ...s, codec: m.codec, codecs: m.codecs } : s));
      this.stop("idle");
      this.attend();
      return;
    }
    if (this.broken < giveUpAfter) this.info.state = "connecting";
    this.tell();
    const media = new MediaSource();
    this.media = media;
    this.url = URL.createObjectURL(media);
    this.video.src = this.url;
    this.present();
    media.addEventListener("sourceopen", () => {
      if (this.media !== media) return;
      const b = media.addSourceBuffer(m.mime);
      b.addEventListener("updateend", () => this.feed());
      this.buffer = b;
      this.feed();
    }, { once: true });
    void this.video.play().catch(() => undefined); // refused while hidden: attend starts it again
  }

  private append_(data: ArrayBuffer): void {
    if (!this.media) return;
    this.queue.push(data);
    if (this.queue.length > 1500) return this.refused(); // the decoder takes nothing
    this.feed();
  }

  private feed(): void {
    const b = this.buffer;
    if (!b || b.updating || this.media?.readyState !== "open") return;
    try {
      const at = this.video.currentTime;
      if (b.buffered.length > 0 && at - b.buffered.start(0) > 2 * keep) {
        b.remove(0, at - keep);
        return;
      }
      if (this.queue.length === 0) return;
      const chunk = this.queue.length === 1 ? this.queue[0]! : concat(this.queue);
      this.queue = [];
      b.appendBuffer(chunk);
    } catch {
      this.refused(); // a full or broken buffer
    }
  }

  /** look is the state machine's clock: latency, age, silence. */
  private look(): void {
    const b = this.buffer;
    if (this.socket && performance.now() - this.heardAt > silentFor) return this.again();
    // A browser that rejects what was appended ends the source and keeps the last picture.
    if (this.media && (this.video.error || (b && this.media.readyState !== "open"))) return this.refused();
    if (b && b.buffered.length > 0) {
      this.latency.steer(this.video, b.buffered);
      if (this.video.paused && !document.hidden) void this.video.play().catch(() => undefined);
    }
    this.judge();
  }

  /** judge says how old the picture is that is shown: by what was presented, so that a decoder that stands still is told too. */
  private judge(): void {
    if (!this.mapping || this.presented < 0 || this.info.state === "offline") return;
    const shown = this.mapping.capture + (this.presented - this.mapping.media) * 1000;
    const age = Math.max(0, now() - shown);
    this.info.age = age;
    this.info.last = shown;
    this.info.state = age > staleAfter ? "stale" : "live";
    if (this.info.state === "live") this.tries = this.broken = 0;
    this.tell();
  }

  /** present notes each picture that reaches the screen. */
  private present(): void {
    const media = this.media;
    this.video.requestVideoFrameCallback((_, frame) => {
      if (this.media !== media) return;
      this.presented = frame.mediaTime;
      this.present();
    });
  }

  /** tell dispatches what is shown, when it differs from what was told. */
  private tell(): void {
    const i = this.info;
    const rough = i.state === "stale" ? Math.round((i.age ?? 0) / 100) : Math.round((i.age ?? 0) / 20);
    const key = [i.state, i.stream, i.instead, i.cause, i.detail, i.codec, i.width, i.state === "live" || i.state === "stale" ? rough : 0].join("|");
    if (key === this.told) return;
    this.told = key;
    this.dataset.state = i.state;
    this.dispatchEvent(new CustomEvent<LiveInfo>("livestate", { detail: { ...i } }));
  }

  /** reset lets the picture go: a frozen one must not look live. */
  private reset(): void {
    this.queue = [];
    this.buffer = undefined;
    this.mapping = undefined;
    this.presented = -1;
    delete this.info.age;
    if (this.media) {
      this.media = undefined;
      URL.revokeObjectURL(this.url);
      this.video.removeAttribute("src");
      this.video.load();
    }
    this.latency = new Latency();
  }

  private drop(): void {
    clearTimeout(this.begin);
    clearInterval(this.watch);
    const ws = this.socket;
    this.socket = undefined;
    ws?.close();
    this.reset();
  }

  private stop(state: LiveState): void {
    this.drop();
    this.tries = this.broken = 0;
    this.info = { state, stream: this.info.stream, stalls: 0 };
    this.tell();
  }
}

function concat(list: ArrayBuffer[]): ArrayBuffer {
  const whole = new Uint8Array(list.reduce((n, b) => n + b.byteLength, 0));
  let at = 0;
  for (const b of list) {
    whole.set(new Uint8Array(b), at);
    at += b.byteLength;
  }
  return whole.buffer;
}

customElements.define("nvr-live", LiveElement);
