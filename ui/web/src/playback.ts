// Playback of recorded footage: which piece is asked for, and which wall time
// the picture on the screen has.

import { signal } from "@preact/signals";
import { address, get, Problem } from "./api";
import type { Camera, Plan, Recording, Stream, StreamName } from "./api";
import { t } from "./i18n";
import { playable } from "./live";
import { now } from "./time";

const piece = 10 * 60_000; // ms asked for at once
const tail = 5_000; // ms before the newest footage where "the newest" begins

export type PlayState =
  | { is: "loading" }
  | { is: "playing" }
  | { is: "none"; next?: number } // no footage at that moment
  | { is: "cannot"; codec?: string }
  | { is: "caught-up" }
  | { is: "failed"; why: string; fix?: string; again: boolean }; // again: it is tried again by itself

/** source chooses the stream to play: recorded and playable where there is one. */
export function source(camera: Camera): { stream: StreamName; cannot?: string } {
  const taken = camera.streams.filter((s) => s.recording !== "off" || s.last_footage);
  const best = taken.find((s) => playable(s)) ?? taken.find((s) => !s.codecs);
  const first: Stream | undefined = best ?? taken[0] ?? camera.streams[0];
  const stream = first?.stream ?? "main";
  return best || !first?.codecs ? { stream } : { stream, cannot: first.codec ?? first.codecs };
}

/** Player drives one video element through the footage of one camera. */
export class Player {
  readonly state = signal<PlayState>({ is: "loading" });
  private plan: Plan | undefined;
  private from = 0; // wall time from which on the loaded piece was asked for
  private end = 0; // wall time at which it ends
  private asked = 0; // counts what was asked for: late answers are dropped
  private timer = 0;
  private failures = 0; // in a row
  readonly stream: StreamName;
  private readonly cannot: string | undefined;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly camera: Camera,
  ) {
    const s = source(camera);
    this.stream = s.stream;
    this.cannot = s.cannot;
    video.onended = () => void this.goOn();
    video.onerror = () => video.hasAttribute("src") && void this.broke(video.error?.code ?? 0);
    video.onplaying = () => {
      this.failures = 0;
      this.state.value = { is: "playing" };
    };
  }

  /** wall is the wall time of the picture on the screen, ms. */
  wall(): number | undefined {
    const p = this.plan;
    if (!p || this.video.readyState < 1) return undefined;
    const at = this.video.currentTime;
    const piece = p.pieces.findLast((x) => x.media <= at + 0.001);
    return piece ? Date.parse(piece.start) + Math.min(at - piece.media, piece.duration) * 1000 : Date.parse(p.start) + at * 1000;
  }

  /** seek shows the footage from an instant on. */
  async seek(at: number): Promise<void> {
    clearTimeout(this.timer);
    const p = this.plan;
    const mine = ++this.asked;
    if (p && at >= Date.parse(p.start) && at < this.end - 500 && this.video.readyState >= 1) {
      const media = this.media(at);
      if (media !== undefined) {
        const stood = this.video.ended || this.state.value.is !== "playing";
        this.video.currentTime = media;
        if (!stood) return; // a person's pause stays one
        this.state.value = { is: "loading" };
        void this.video.play().catch(() => undefined); // a newer seek took over
        return;
      }
    }
    this.state.value = { is: "loading" };
    try {
      await this.load(at, mine);
    } catch (e) {
      if (mine !== this.asked) return;
      if (e instanceof Problem && e.status === 404) await this.none(at, mine);
      else this.fail(e, at, mine);
    }
  }

  /** fail says what went wrong, and comes again when that may help. */
  private fail(e: unknown, at: number, mine: number): void {
    const again = !(e instanceof Problem) || e.status >= 500;
    const why = e instanceof Error ? e.message : String(e);
    this.state.value = e instanceof Problem && e.fix ? { is: "failed", why, fix: e.fix, again } : { is: "failed", why, again };
    if (!again) return;
    const delay = Math.min(8000, 1000 * 2 ** this.failures++);
    this.timer = window.setTimeout(() => mine === this.asked && void this.seek(at), delay);
  }

  /** broke tells a connection that broke from footage that this browser cannot play. */
  private async broke(code: number): Promise<void> {
    const at = this.wall() ?? this.from;
    const mine = ++this.asked;
    this.plan = undefined; // what was loaded is of no use
    if (code !== MediaError.MEDIA_ERR_NETWORK) {
      try {
        await get<Plan>("play/plan", this.range(at, Math.min(at + piece, now())));
        if (mine === this.asked) this.state.value = this.cannot ? { is: "cannot", codec: this.cannot } : { is: "cannot" };
        return;
      } catch (e) {
        if (mine === this.asked) this.fail(e, at, mine);
        return;
      }
    }
    this.fail(new Error(t.value.playBroke), at, mine);
  }

  private range(from: number, to: number): { camera: string; stream: string; from: string; to: string } {
    return { camera: this.camera.id, stream: this.stream, from: iso(from), to: iso(to) };
  }

  private async load(at: number, mine: number): Promise<void> {
    const newest = await this.newest(at);
    if (mine !== this.asked) return;
    if (newest !== undefined && at > newest - tail / 2) at = newest - tail;
    const to = Math.min(at + piece, newest ?? now());
    if (to <= at) throw new Problem(404, "", "");
    this.from = at;
    const range = this.range(at, to);
    const plan = await get<Plan>("play/plan", range);
    if (mine !== this.asked) return;
    this.plan = plan;
    const last = plan.pieces.at(-1);
    this.end = last ? Date.parse(last.start) + last.duration * 1000 : to;
    const gone = last ? this.end <= at : false;
    if (gone) throw new Problem(404, "", "");
    const rate = this.video.playbackRate;
    this.video.src = address("play", range);
    this.video.onloadedmetadata = () => {
      this.video.playbackRate = rate;
      const media = this.media(at);
      if (media !== undefined && media > 0.05) this.video.currentTime = media;
    };
    await this.video.play().catch((e: unknown) => {
      if (e instanceof DOMException && e.name === "NotAllowedError") {
        this.video.muted = true; // a browser that wants a gesture for sound
        return this.video.play().catch(() => undefined);
      }
      return undefined;
    });
  }

  /** media is the clip's own time of a wall time; inside of a gap that of the footage after it. */
  private media(at: number): number | undefined {
    const p = this.plan!;
    if (p.pieces.length === 0) return Math.max(0, (at - Date.parse(p.start)) / 1000);
    for (const x of p.pieces) {
      const start = Date.parse(x.start);
      if (at < start + x.duration * 1000) return x.media + Math.max(0, (at - start) / 1000);
    }
    return undefined;
  }

  /** newest is the end of the newest footage, if an instant is so young that a piece may reach it. */
  private async newest(at: number): Promise<number | undefined> {
    if (at + piece + 60_000 < now()) return undefined;
    const { recordings } = await get<{ recordings: Recording[] }>("recordings", this.range(at - 60_000, Math.max(now(), at + 1000)));
    const ends = recordings.map((r) => Date.parse(r.end));
    return ends.length > 0 ? Math.max(...ends) : undefined;
  }

  /** none says that there is nothing, and where something follows. */
  private async none(at: number, mine: number): Promise<void> {
    let next: number | undefined;
    try {
      const { recordings } = await get<{ recordings: Recording[] }>("recordings", this.range(at, Math.min(now() + 1000, at + 24 * 3_600_000)));
      const starts = recordings.map((r) => Date.parse(r.start)).filter((s) => s > at);
      if (starts.length > 0) next = Math.min(...starts);
    } catch {
      // then only that there is nothing is said
    }
    if (mine !== this.asked) return;
    this.video.removeAttribute("src");
    this.video.load();
    this.plan = undefined;
    this.state.value = next === undefined ? { is: "none" } : { is: "none", next };
  }

  /** goOn continues behind the loaded piece, and waits for footage that is not there yet. */
  private async goOn(): Promise<void> {
    // Footage of another format is another piece. The API's times are finer than
    // ours: a millisecond more, so as not to ask for the old format's end again.
    if (this.plan?.next) return void this.seek(Date.parse(this.plan.next) + 1);
    const from = this.end;
    if (from + piece + 60_000 < now()) return void this.seek(from);
    const mine = ++this.asked;
    let newest: number | undefined;
    try {
      newest = await this.newest(from);
    } catch {
      newest = undefined; // asked again below
    }
    if (mine !== this.asked) return;
    if (newest !== undefined && newest - from > 2 * tail) {
      void this.seek(from);
      return;
    }
    this.state.value = { is: "caught-up" };
    this.timer = window.setTimeout(() => mine === this.asked && void this.goOn(), 2000);
  }

  /** close lets the footage go. */
  close(): void {
    this.asked++;
    clearTimeout(this.timer);
    this.video.removeAttribute("src");
    this.video.load();
  }

  /** link is the address of the footage around an instant, to download; with a reason, of its export. */
  link(at: number, reason?: string): string {
    const range = this.range(at, Math.min(at + piece, now()));
    return reason === undefined ? address("play", range) : address("export", { ...range, reason });
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
