import type { JSX } from "preact";
import { computed, signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { ComponentType } from "preact";
import type { Camera, Gap, Recording } from "./api";
import { get } from "./api";
import { followHolds, holds, marked, mayHold, seesHolds, wanted } from "./holds";
import { bytes, t, word } from "./i18n";
import { Icon } from "./icons";
import { Lazy } from "./lazy";
import { source } from "./playback";
import { is, may } from "./session";
import { cameras, recorded, site } from "./store";
import { now, second, shortStamp, stamp } from "./time";
import { TimelineElement } from "./timeline";
import type { Stretch } from "./timeline";
import { TroubleLine } from "./trouble";
import { cursor, look } from "./view";

const minute = 60_000;
const hour = 60 * minute;
const chosen = signal<number | undefined>(undefined);
/** span is the length of the range: what was chosen, else what a young recorder can fill */
const span = computed(() => {
  if (chosen.value !== undefined) return chosen.value;
  const began = Date.parse(site.value?.started ?? "");
  return Math.floor(second.value / minute) * minute - began < 8 * minute ? 10 * minute : hour;
});
/** end of the range that is shown, ms; undefined follows the recorder's clock */
const until = signal<number | undefined>(undefined);
const asTable = signal(false);

/** range is what the strips show now. */
function range(): { from: number; to: number } {
  const to = until.value ?? second.value + span.value / 60; // a little of the future, so that the newest is no edge
  return { from: to - span.value, to };
}

interface Footage {
  recordings: Recording[];
  gaps: Gap[];
  read: boolean; // false until the recorder answered
  failed?: unknown;
}

/** useFootage reads what is recorded of a camera in the range, and again while it grows. */
function useFootage(camera: Camera, visible: boolean): Footage {
  const stream = source(camera).stream;
  const footage = useSignal<Footage>({ recordings: [], gaps: [], read: false });
  const { from, to } = range();
  const live = until.value === undefined;
  // While following, what is asked for moves on in steps: the strip itself moves each second.
  const key = live ? "live" + span.value : `${from}-${to}`;
  useEffect(() => {
    if (!visible) return;
    const stop = new AbortController();
    const read = async (): Promise<void> => {
      const r = range();
      const q = { camera: camera.id, stream, from: new Date(r.from).toISOString(), to: new Date(Math.max(r.from + 1000, r.to)).toISOString() };
      try {
        const [a, b] = await Promise.all([
          get<{ recordings: Recording[] }>("recordings", q, stop.signal),
          get<{ gaps: Gap[] }>("gaps", q, stop.signal),
        ]);
        footage.value = { recordings: a.recordings, gaps: b.gaps, read: true };
      } catch (e) {
        if (!stop.signal.aborted) footage.value = { ...footage.peek(), failed: e };
      }
    };
    void read();
    const timer = setInterval(() => void read(), 5000);
    return () => {
      stop.abort();
      clearInterval(timer);
    };
  }, [camera.id, stream, key, visible]);
  return footage.value;
}

function Strip({ camera }: { camera: Camera }): JSX.Element {
  const m = t.value;
  const row = useRef<HTMLLIElement>(null);
  const line = useRef<TimelineElement>(null);
  const visible = useSignal(false);
  const footage = useFootage(camera, visible.value);
  const { from, to } = range();
  const at = now();
  const stream = camera.streams.find((s) => s.stream === source(camera).stream);
  const newest = stream?.last_footage ? Date.parse(stream.last_footage) : 0;
  const rec = recorded(camera);
  const held = (holds.value ?? []).filter((h) => h.camera === camera.id);
  const marks = mayHold(camera.id);
  const mark = marks && marked.value?.camera === camera.id ? marked.value : undefined;

  useEffect(() => {
    const seen = new IntersectionObserver((es) => (visible.value = es.some((e) => e.isIntersecting)), { rootMargin: "200px" });
    seen.observe(row.current!);
    const seek = (e: Event): void => look({ camera: camera.id, at: (e as CustomEvent<number>).detail });
    line.current!.addEventListener("seek", seek);
    line.current!.addEventListener("mark", (e: Event) => {
      const stretch = (e as CustomEvent<Stretch | undefined>).detail;
      marked.value = stretch && { camera: camera.id, ...stretch };
    });
    return () => seen.disconnect();
  }, [camera.id]);
  useEffect(() => {
    line.current?.set({
      from,
      to,
      now: at,
      recorded: footage.recordings.map((r) => ({
        from: Date.parse(r.start),
        to: r.state === "open" ? Math.max(Date.parse(r.end), newest) : Date.parse(r.end),
      })),
      gaps: footage.gaps.map((g) => ({ from: Date.parse(g.from), to: g.to ? Date.parse(g.to) : at, reason: word(m.cause, g.reason) + (g.detail ? `: ${g.detail}` : "") })),
      held: held.map((h) => ({ from: Date.parse(h.from), to: Date.parse(h.to), why: m.heldHere(h.why ?? "") })),
      marks,
      ...(mark ? { marked: mark } : {}),
      ...(cursor.value?.camera === camera.id ? { cursor: cursor.value.at } : {}),
      label: m.timeline(camera.name) + (marks ? ". " + m.markHelp : ""),
      have: m.recordedHere,
      nothing: m.nothingHere,
    });
  });
  const open = footage.gaps.find((g) => !g.to);
  return (
    <li ref={row} class="strip" data-camera={camera.id} data-read={footage.read} aria-busy={!footage.read}>
      <div class="strip-name">
        <button class="link" onClick={() => look({ camera: camera.id })}><bdi>{camera.name}</bdi></button>
        <span class={"rec " + rec}>
          {rec === "unknown" ? <Icon name="question" size={11} /> : rec !== "off" && <span class="dot" />}
          {open && (rec === "waiting" || rec === "failed") ? word(m.cause, open.reason) : word(m.recording, rec)}
        </span>
      </div>
      <nvr-timeline ref={line} />
      {mark && <MarkBar of={mark} />}
      <TroubleLine of={footage.failed} look="trouble" />
    </li>
  );
}

/** length writes how long a stretch is. */
function length(ms: number): string {
  const s = Math.round(ms / 1000);
  const two = (n: number): string => String(n).padStart(2, "0");
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

/** MarkBar is what can be done with the stretch that is marked. */
function MarkBar({ of }: { of: { camera: string; from: number; to: number } }): JSX.Element {
  const m = t.value;
  return (
    <div class="marked" role="group" aria-label={m.markedRange(length(of.to - of.from))}>
      <span><b>{shortStamp(of.from)} – {shortStamp(of.to)}</b> <span class="muted">({length(of.to - of.from)})</span></span>
      <span class="tools-right">
        <button class="primary" onClick={() => (wanted.value = { what: "hold", ...of })}><Icon name="lock" size={13} /> {m.holdThis}</button>
        {is("admin") && (
          <details class="overflow" onFocusOut={(e) => { if (!e.currentTarget.contains(e.relatedTarget as Node | null)) e.currentTarget.open = false; }}>
            <summary aria-label={m.moreActions} title={m.moreActions}><Icon name="dots" size={14} /></summary>
            <div><button class="item danger" onClick={(e) => { e.currentTarget.closest("details")!.open = false; wanted.value = { what: "delete", ...of }; }}>{m.deleteThis}</button></div>
          </details>
        )}
        <button class="quiet icon-only" aria-label={m.unmark} title={m.unmark} onClick={() => (marked.value = undefined)}><Icon name="cross" size={13} /></button>
      </span>
    </div>
  );
}

function FootageTable({ camera }: { camera: Camera }): JSX.Element {
  const m = t.value;
  const footage = useFootage(camera, true);
  const most = useSignal(200);
  const rows = [
    ...footage.recordings.map((r) => ({ at: Date.parse(r.start), r, g: undefined })),
    ...footage.gaps.map((g) => ({ at: Date.parse(g.from), r: undefined, g })),
  ].sort((a, b) => b.at - a.at);
  return (
    <details class="footage" open>
      <summary><bdi>{camera.name}</bdi></summary>
      <TroubleLine of={footage.failed} look="trouble" />
      {footage.read && rows.length === 0 && <p class="muted small">{m.tableEmpty}</p>}
      {rows.length > 0 && (
        <div class="scroll-x">
          <table>
            <thead><tr><th>{m.from}</th><th>{m.to}</th><th>{m.what}</th><th class="num">{m.size}</th><th /></tr></thead>
            <tbody>
              {rows.slice(0, most.value).map(({ at, r, g }) => r ? (
                <tr key={"r" + at}>
                  <td>{stamp(at)}</td><td>{shortStamp(Date.parse(r.end))}</td><td>{word(m.segment, r.state)}</td><td class="num">{bytes(r.bytes)}</td>
                  <td><button class="small" onClick={() => look({ camera: camera.id, at })}><Icon name="play" size={11} /> {m.playFrom}</button></td>
                </tr>
              ) : (
                <tr key={"g" + at} class="gap">
                  <td>{stamp(at)}</td><td>{g!.to ? shortStamp(Date.parse(g!.to)) : m.stillOpen}</td>
                  <td colSpan={3}>{m.gap}: {word(m.cause, g!.reason)}{g!.detail && <> · <bdi>{g!.detail}</bdi></>}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {rows.length > most.value && (
            <button class="small" onClick={() => (most.value += 200)}>{m.moreRows(rows.length - most.value)}</button>
          )}
        </div>
      )}
    </details>
  );
}

function Ranges(): JSX.Element {
  const m = t.value;
  const move = (by: number): void => {
    const end = (until.value ?? now()) + by * span.value * 0.5;
    until.value = end >= now() ? undefined : end;
  };
  return (
    <div class="ranges">
      <div class="segmented" role="group" aria-label={m.range}>
        {([[10 * minute, m.rangeTen], [hour, m.rangeHour], [6 * hour, m.rangeSix], [24 * hour, m.rangeDay]] as const).map(([ms, name]) => (
          <button key={ms} aria-pressed={span.value === ms} onClick={() => (chosen.value = ms)}>{name}</button>
        ))}
      </div>
      <button class="icon-only" aria-label={m.earlier} title={m.earlier} onClick={() => move(-1)}><Icon name="back" size={14} /></button>
      <button class="icon-only" aria-label={m.later} title={m.later} disabled={until.value === undefined} onClick={() => move(1)}><Icon name="forward" size={14} /></button>
      <button class="small" disabled={until.value === undefined} onClick={() => (until.value = undefined)}>{m.toNow}</button>
      {seesHolds() && (
        <button id="holds-button" title={m.holdsCount(holds.value?.length ?? 0)} onClick={() => (wanted.value = { what: "list" })}>
          <Icon name="lock" size={13} /> {m.holds}{(holds.value?.length ?? 0) > 0 && <span class="count">{holds.value!.length}</span>}
        </button>
      )}
      <button class="icon-only" aria-pressed={asTable.value} aria-label={asTable.value ? m.asTimeline : m.asTable} title={asTable.value ? m.asTimeline : m.asTable}
        onClick={() => (asTable.value = !asTable.value)}><Icon name="table" size={14} /></button>
    </div>
  );
}

/** what few people open is loaded when they do */
const keeping = (): Promise<ComponentType> => import("./keeping/keeping").then((m) => m.Keeping);

/** Recordings shows what is recorded of each camera, and plays it. */
export function Recordings(): JSX.Element {
  const m = t.value;
  const list = (cameras.value ?? []).filter((c) => may("playback", c) && c.streams.some((s) => s.recording !== "off" || s.last_footage));
  useEffect(followHolds, []);
  const held = holds.value ?? [];
  return (
    <section id="recordings" class="panel" aria-labelledby="h-recordings">
      <div class="panel-head">
        <h2 id="h-recordings">{m.recordings}</h2>
        <span class="legend">
          <span class="swatch run" />{m.legendRecorded}
          <span class="swatch gap" />{m.legendGap}
          {held.length > 0 && <><span class="swatch held" />{m.legendHeld}</>}
        </span>
        <Ranges />
      </div>
      {asTable.value
        ? <div class="tables">{list.map((c) => <FootageTable key={c.id} camera={c} />)}</div>
        : <ul class="strips">{list.map((c) => <Strip key={c.id} camera={c} />)}</ul>}
      {wanted.value && <Lazy load={keeping} />}
    </section>
  );
}
