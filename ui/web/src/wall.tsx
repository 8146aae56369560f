import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Camera, StreamName } from "./api";
import { t, word } from "./i18n";
import { Icon } from "./icons";
import { LiveElement, playable } from "./live";
import type { LiveInfo } from "./live";
import { is, may } from "./session";
import { cameras, lost, recorded } from "./store";
import { now, shortStamp } from "./time";
import { look } from "./view";

/** useLive puts the element in place, tells it what to show and hears what it shows. */
export function useLive(camera: Camera, wanted: StreamName): [(host: HTMLElement | null) => void, LiveInfo] {
  const element = useRef<LiveElement | undefined>(undefined);
  element.current ??= document.createElement("nvr-live") as LiveElement;
  const [info, setInfo] = useState<LiveInfo>(() => element.current!.latest);
  useEffect(() => {
    const e = element.current!;
    const hear = (ev: Event): void => setInfo((ev as CustomEvent<LiveInfo>).detail);
    e.addEventListener("livestate", hear);
    return () => {
      e.removeEventListener("livestate", hear);
      e.remove();
    };
  }, []);
  useLayoutEffect(() => element.current!.show(camera.id, wanted, camera.streams));
  return [(host) => host && element.current!.parentElement !== host && host.prepend(element.current!), info];
}

/** Overlay says in words why there is no live picture. */
export function Overlay({ camera, info }: { camera: Camera; info: LiveInfo }): JSX.Element | null {
  const m = t.value;
  const stream = camera.streams.find((s) => s.stream === info.stream);
  switch (info.state) {
    case "live":
    case "idle":
      return null;
    case "stale":
      return (
        <div class="cover stale">
          <Icon name="clock" size={22} />
          <strong>{m.staleFor(((info.age ?? 0) / 1000).toFixed(1))}</strong>
          {info.last !== undefined && <span>{m.lastPicture(shortStamp(info.last))}</span>}
        </div>
      );
    case "offline":
      return (
        <div class="cover offline">
          <Icon name="off" size={26} />
          <strong>{word(m.cause, info.cause ?? "")}</strong>
          {info.detail && <span class="detail"><bdi>{info.detail}</bdi></span>}
          <span class="faint">{stream?.last_footage ? m.lastPicture(shortStamp(Date.parse(stream.last_footage))) + " · " : ""}{m.retrying}</span>
        </div>
      );
    case "unplayable": {
      // A decoder that there is may refuse what comes.
      const why = !info.codec ? m.playUnknown : stream && playable(stream) ? m.refused(info.codec) : m.unplayable(info.codec);
      return (
        <div class="cover offline">
          <Icon name="warn" size={26} />
          <strong>{m.tileState.unplayable}</strong>
          <span class="detail">{why} {recorded(camera) === "recording" && m.recordedAnyway}</span>
        </div>
      );
    }
    default:
      return (
        <div class="cover offline">
          <span class="spinner" />
          <span>{word(m.tileState, info.state)}</span>
        </div>
      );
  }
}

/** Closed is the tile of a camera that the person may not watch live. */
function Closed({ camera }: { camera: Camera }): JSX.Element {
  const m = t.value;
  const newest = camera.streams.flatMap((s) => (s.last_footage ? [Date.parse(s.last_footage)] : []));
  const at = Math.max(...newest, now() - 60_000) - 10_000;
  return (
    <li class="tile closed" data-camera={camera.id} data-state="closed">
      <div class="picture"><div class="cover offline"><Icon name="lock" size={24} /><span>{m.liveNotGiven}</span></div></div>
      <div class="tile-foot"><span class="name"><bdi>{camera.name}</bdi></span></div>
      {may("playback", camera) && <button class="open" aria-label={m.openCamera(camera.name)} onClick={() => look({ camera: camera.id, at })} />}
    </li>
  );
}

function Tile({ camera }: { camera: Camera }): JSX.Element {
  const m = t.value;
  const [host, info] = useLive(camera, "sub");
  const rec = recorded(camera);
  const stream = camera.streams.find((s) => s.stream === info.stream);
  return (
    <li class={"tile " + info.state} data-camera={camera.id} data-state={info.state}>
      <div class="picture" ref={host}>
        <Overlay camera={camera} info={info} />
      </div>
      <div class="tile-foot">
        <span class="name"><bdi>{camera.name}</bdi></span>
        <span class="facts">
          {info.instead && <span class="chip" title={m.instead(info.instead)}>{m.insteadShort(info.instead)}</span>}
          {info.state === "live" && (
            <span class="tech">
              {!info.instead && <>{info.codec}{stream?.transport && <> · {stream.transport}</>}</>}
              {info.age !== undefined && <>{!info.instead && " · "}<span title={m.latencyTitle}>{Math.round(info.age)} ms</span></>}
            </span>
          )}
          {rec !== "off" && <span class={"rec " + rec} title={word(m.recording, rec)}>{rec === "unknown" ? <Icon name="question" size={11} /> : <span class="dot" />}{word(m.rec, rec)}</span>}
        </span>
      </div>
      <button class="open" aria-label={m.openCamera(camera.name) + ", " + word(m.tileState, info.state)} onClick={() => look({ camera: camera.id })} />
    </li>
  );
}

/** Wall shows all cameras, live. */
export function Wall(): JSX.Element {
  const m = t.value;
  const list = cameras.value;
  const columns = !list || list.length <= 1 ? 1 : list.length <= 4 ? 2 : list.length <= 9 ? 3 : list.length <= 16 ? 4 : 5;
  return (
    <section id="live" class="panel" aria-labelledby="h-live">
      <div class="panel-head">
        <h2 id="h-live">{m.live}</h2>
        {list && <span class="muted">{list.length}</span>}
      </div>
      {!list && <p class="empty">{m.loading}</p>}
      {list && list.length === 0 && (
        is("admin", "auditor")
          ? <div class="empty"><strong>{m.wallEmpty}</strong><p>{m.wallEmptyText}</p></div>
          : <div class="empty"><strong>{m.wallNotShared}</strong><p>{m.wallNotSharedText}</p></div>
      )}
      {list && list.length > 0 && (
        <ul class={"wall" + (lost.value ? " lost" : "")} data-columns={columns}>
          {list.map((c) => (may("live", c) ? <Tile key={c.id} camera={c} /> : <Closed key={c.id} camera={c} />))}
        </ul>
      )}
    </section>
  );
}
