import type { ComponentChildren, ComponentType, JSX } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Camera } from "./api";
import { ago, bits, count, t, word } from "./i18n";
import { Icon } from "./icons";
import { Download } from "./download";
import { Lazy } from "./lazy";
import { Player } from "./playback";
import type { PlayState } from "./playback";
import { is, may } from "./session";
import { cameras, devices, lost, recorded } from "./store";
import { day, clock, fromText, now, second, shortStamp, stamp } from "./time";
import { cursor, look, note, view } from "./view";
import { Overlay, useLive } from "./wall";

function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return <div><dt>{name}</dt><dd>{children}</dd></div>;
}

/** Moment is the date and time box: always there, in the site's zone. */
function Moment({ camera, at }: { camera: Camera; at: number }): JSX.Element {
  const m = t.value;
  const box = useRef<HTMLInputElement>(null);
  const touched = useRef(false);
  useEffect(() => {
    if (box.current && !touched.current) box.current.value = stamp(at);
  });
  const go = (e: Event): void => {
    e.preventDefault();
    const to = fromText(box.current?.value ?? "");
    box.current?.setCustomValidity(to === undefined ? m.momentWrong : "");
    box.current?.reportValidity();
    if (to === undefined) return;
    touched.current = false;
    look({ camera: camera.id, at: Math.min(to, now()) });
  };
  return (
    <form class="moment" onSubmit={go}>
      <input ref={box} type="text" size={19} spellcheck={false} autocomplete="off" aria-label={m.moment} title={m.moment}
        onInput={(e) => { touched.current = true; e.currentTarget.setCustomValidity(""); }} onBlur={() => setTimeout(() => (touched.current = false), 4000)} />
      <button class="small" type="submit">{m.go}</button>
    </form>
  );
}

function LivePicture({ camera }: { camera: Camera }): JSX.Element {
  const m = t.value;
  const [host, info] = useLive(camera, "main");
  const s = lost.value ? undefined : camera.streams.find((x) => x.stream === info.stream); // figures of the past are none
  const d = devices.value.get(camera.device);
  return (
    <>
      <div class={"stage picture " + info.state} data-state={info.state} ref={host}>
        <Overlay camera={camera} info={info} />
        {info.instead && info.state === "live" && <p class="notice">{m.instead(info.instead)}</p>}
      </div>
      <Controls camera={camera} at={second.value} live />
      <dl class="facts-row">
        <Fact name={m.factStream}>{word({ main: m.main, sub: m.sub }, info.stream)}</Fact>
        <Fact name={m.factPicture}>{info.codec ?? "–"}{info.width ? ` ${info.width}×${info.height}` : ""}{s?.fps ? ` · ${Math.round(s.fps)} fps` : ""}</Fact>
        <Fact name={m.factTransport}>{s?.transport ?? "–"}</Fact>
        <Fact name={m.factRate}>{s ? bits(s.bitrate) : "–"}</Fact>
        <Fact name={m.factLatency}>{info.state === "live" && info.age !== undefined ? `${Math.round(info.age)} ms` : "–"}</Fact>
        <Fact name={m.factLost}>{s ? count(s.lost) : "–"}</Fact>
        <Fact name={m.factViewers}>{s ? count(s.viewers) : "–"}</Fact>
        {camera.device && <Fact name={m.factDevice}><bdi>{camera.device}</bdi>{d && <> · <code>{d.ip}</code></>}</Fact>}
        {may("playback", camera) && <Fact name={m.factRecorded}>{newest(camera)}</Fact>}
      </dl>
      {d && is("admin") && <Lazy load={devicePages} />}
    </>
  );
}

const devicePages = (): Promise<ComponentType> => import("./office/tunnel").then((m) => m.ViewedDevicePages);

function newest(c: Camera): string {
  const all = c.streams.flatMap((s) => (s.last_footage ? [Date.parse(s.last_footage)] : []));
  if (all.length === 0) return word(t.value.recording, recorded(c));
  const at = Math.max(...all);
  return `${shortStamp(at)} (${ago(now() - at)})`;
}

interface ControlsProps {
  camera: Camera;
  at: number;
  live?: boolean;
  video?: HTMLVideoElement | null;
  player?: Player | undefined;
}

function Controls({ camera, at, live, video, player }: ControlsProps): JSX.Element {
  const m = t.value;
  const redraw = useSignal(0);
  const back = (ms: number): void => look({ camera: camera.id, at: Math.min(now(), at + ms) });
  return (
    <div class="controls" data-redraw={redraw.value}>
      <button class={"live-button" + (live ? " on" : "")} aria-pressed={!!live} onClick={() => look({ camera: camera.id })}>
        <span class="dot" />{live ? m.isLive : m.goLive}
      </button>
      {may("playback", camera) && <button class="icon-only" aria-label={m.tenBack} title={m.tenBack} onClick={() => back(-10_000)}>−10 s</button>}
      {!live && video && (
        <>
          <button class="icon-only" aria-label={m.playPause} title={m.playPause}
            onClick={() => { if (video.paused) void video.play(); else video.pause(); redraw.value++; }}>
            <Icon name={video.paused ? "play" : "pause"} />
          </button>
          <button class="icon-only" aria-label={m.tenOn} title={m.tenOn} onClick={() => back(10_000)}>+10 s</button>
          <select aria-label={m.speed} title={m.speed} onChange={(e) => { video.playbackRate = Number(e.currentTarget.value); }}>
            {[0.5, 1, 2, 4, 8].map((r) => <option key={r} value={r} selected={video.playbackRate === r}>{r}×</option>)}
          </select>
          <button class="icon-only" aria-label={m.sound} title={m.sound} aria-pressed={!video.muted} onClick={() => { video.muted = !video.muted; redraw.value++; }}>
            <Icon name={video.muted ? "mute" : "sound"} />
          </button>
        </>
      )}
      <span class="spacer" />
      {may("playback", camera) && <Moment camera={camera} at={at} />}
      {player && may("export", camera) && <Download link={(reason) => player.link(at, reason)} />}
      <button class="icon-only" aria-label={m.fullScreen} title={m.fullScreen} onClick={() => void document.querySelector(".stage")?.requestFullscreen()}><Icon name="expand" /></button>
    </div>
  );
}

function PlayOverlay({ camera, state, link }: { camera: Camera; state: PlayState; link: (reason?: string) => string }): JSX.Element | null {
  const m = t.value;
  switch (state.is) {
    case "playing":
      return null;
    case "loading":
      return <div class="cover"><span class="spinner" /><span>{m.playLoading}</span></div>;
    case "none":
      return (
        <div class="cover offline">
          <strong>{m.playNone}</strong>
          {state.next !== undefined && <button onClick={() => look({ camera: camera.id, at: state.next! })}>{m.playNext(shortStamp(state.next))}</button>}
        </div>
      );
    case "cannot":
      return (
        <div class="cover offline">
          <Icon name="warn" size={26} />
          <strong>{state.codec ? m.playCannot(state.codec) : m.playUnknown}</strong>
          {may("export", camera) && <Download link={link} words />}
        </div>
      );
    case "caught-up":
      return <p class="notice">{m.caughtUp}</p>;
    case "failed":
      return (
        <div class="cover offline">
          <Icon name="warn" size={26} />
          <strong><bdi>{state.why}</bdi></strong>
          {state.fix && <span class="detail"><bdi>{state.fix}</bdi></span>}
          {state.again && <span class="faint">{m.retrying}</span>}
        </div>
      );
  }
}

function Playback({ camera, at, asked }: { camera: Camera; at: number; asked: number | undefined }): JSX.Element {
  const video = useRef<HTMLVideoElement>(null);
  const player = useSignal<Player | undefined>(undefined);
  const shown = useSignal(at);
  useEffect(() => {
    const p = new Player(video.current!, camera);
    player.value = p;
    const timer = setInterval(() => {
      const w = p.wall();
      if (w === undefined) return;
      shown.value = w;
      cursor.value = { camera: camera.id, at: w };
    }, 100);
    const address = setInterval(() => note({ camera: camera.id, at: Math.floor(shown.peek() / 1000) * 1000 }), 5000);
    return () => {
      clearInterval(timer);
      clearInterval(address);
      p.close();
    };
  }, [camera.id]);
  useEffect(() => {
    shown.value = at;
    cursor.value = { camera: camera.id, at };
    void player.value?.seek(at);
  }, [at, asked, camera.id]);
  const p = player.value;
  const state = p?.state.value ?? { is: "loading" };
  return (
    <>
      <div class="stage picture playback" data-state={state.is}>
        <video ref={video} muted playsInline />
        <span class="wall-time" data-wall={Math.round(shown.value)}>{day(shown.value)} <b>{clock(shown.value)}</b></span>
        <PlayOverlay camera={camera} state={state} link={(reason) => p?.link(shown.peek(), reason) ?? "#"} />
      </div>
      <Controls camera={camera} at={shown.value} video={video.current} player={p} />
    </>
  );
}

/** Viewer shows one camera, live or recorded. */
export function Viewer(): JSX.Element | null {
  const m = t.value;
  const v = view.value;
  const camera = cameras.value?.find((c) => c.id === v?.camera);
  if (!v) return null;
  return (
    <section id="live" class="panel viewer" aria-labelledby="h-live">
      <div class="panel-head">
        <button class="small" onClick={() => look(undefined)}><Icon name="grid" size={14} /> {m.backToWall}</button>
        <h2 id="h-live"><bdi>{camera?.name ?? v.camera}</bdi></h2>
        {v.at !== undefined && <span class="muted">{m.recordings} · {stamp(cursor.value?.at ?? v.at)}</span>}
      </div>
      {!camera && <p class="empty">{cameras.value ? m.noSuchCamera : m.loading}</p>}
      {camera && v.at === undefined && !may("live", camera) && <p class="empty">{m.liveNotGiven}</p>}
      {camera && v.at === undefined && may("live", camera) && <LivePicture key={camera.id} camera={camera} />}
      {camera && v.at !== undefined && (may("playback", camera)
        ? <Playback key={camera.id} camera={camera} at={v.at} asked={v.asked} />
        : <p class="empty">{m.playbackNotGiven}</p>)}
    </section>
  );
}
