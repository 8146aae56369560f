// Every time on the page is the recorder's, in the site's zone: the browser's
// clock and zone only measure how much time went by.

import { signal } from "@preact/signals";

export const zone = signal("UTC");

/** best guess of recorder's milliseconds at performance.now() = 0 */
let base = Date.now() - performance.now();
let known = false;
/** what the recorder said last of its clock and of its age, ms */
let last: { step: number; up: number } | undefined;

/**
 * heard takes the recorder's clock from a message of the event stream. up is how
 * long the recorder has run, by a clock that is never set: it tells a clock that
 * was stepped from a message that is late, which must never pass for the present.
 */
export function heard(iso: string, up?: number): void {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return;
  const guess = at - performance.now();
  if (up !== undefined) {
    if (last && up < last.up) known = false; // another recorder answers: it was started anew
    else if (last && Math.abs(at - up - last.step) > 250) base += at - up - last.step;
    last = { step: at - up, up };
  }
  // A message can only be late, so the largest guess is the best one.
  if (!known || guess > base) {
    base = guess;
    known = true;
  } else {
    base -= Math.min(base - guess, 0.05); // follow drift, slowly
  }
}

/** now is the recorder's clock, in milliseconds since 1970. */
export function now(): number {
  return base + performance.now();
}

/** second ticks once a second with the recorder's clock: reading it in a component redraws it. */
export const second = signal(Math.floor(now()));
setInterval(() => {
  second.value = Math.floor(now());
}, 1000);

const cache = new Map<string, Intl.DateTimeFormat>();

function format(kind: string, options: Intl.DateTimeFormatOptions, ms: number): string {
  const key = kind + zone.value;
  let f = cache.get(key);
  if (!f) {
    f = new Intl.DateTimeFormat("en-GB", { timeZone: zone.value, hourCycle: "h23", ...options });
    cache.set(key, f);
  }
  return f.format(ms);
}

/** clock writes 14:03:12. */
export function clock(ms: number): string {
  return format("c", { hour: "2-digit", minute: "2-digit", second: "2-digit" }, ms);
}

/** hourMinute writes 14:03. */
export function hourMinute(ms: number): string {
  return format("m", { hour: "2-digit", minute: "2-digit" }, ms);
}

/** day writes 2026-11-23. */
export function day(ms: number): string {
  const p = parts(ms);
  return `${p.year}-${p.month}-${p.day}`;
}

/** stamp writes 2026-11-23 14:03:12, with the offset in an hour that comes twice. */
export function stamp(ms: number): string {
  const text = day(ms) + " " + clock(ms);
  const at = Math.floor(ms / 1000) * 1000;
  return instants(at + offset(at)).length > 1 ? text + " " + offsetText(at) : text;
}

/** offsetText writes +09:00. */
function offsetText(ms: number): string {
  const minutes = Math.round(Math.abs(offset(ms)) / 60_000);
  const two = (n: number): string => String(n).padStart(2, "0");
  return (offset(ms) < 0 ? "-" : "+") + two(Math.floor(minutes / 60)) + ":" + two(minutes % 60);
}

/** shortStamp leaves the day out when it is today. */
export function shortStamp(ms: number): string {
  return day(ms) === day(now()) ? clock(ms) : stamp(ms);
}

/** zoneName writes the zone's offset as GMT+9. */
export function zoneName(ms: number): string {
  return (
    new Intl.DateTimeFormat("en-GB", { timeZone: zone.value, timeZoneName: "shortOffset" })
      .formatToParts(ms)
      .find((p) => p.type === "timeZoneName")?.value ?? zone.value
  );
}

const partsCache = new Map<string, Intl.DateTimeFormat>();

function parts(ms: number): Record<string, string> {
  let f = partsCache.get(zone.value);
  if (!f) {
    f = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone.value,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    partsCache.set(zone.value, f);
  }
  const out: Record<string, string> = {};
  for (const p of f.formatToParts(ms)) out[p.type] = p.value;
  return out;
}

/** offset is the zone's distance from UTC at an instant, in milliseconds. */
export function offset(ms: number): number {
  const p = parts(ms);
  const wall = Date.UTC(Number(p.year), Number(p.month) - 1, Number(p.day), Number(p.hour), Number(p.minute), Number(p.second));
  return wall - Math.floor(ms / 1000) * 1000;
}

/**
 * fromText reads "2026-11-23 14:03:12" (T and seconds are optional) or "14:03" of
 * today as a time of the site's zone. An hour that comes twice is its first, unless
 * the text says which: "2026-10-25 02:30 +01:00".
 */
export function fromText(text: string): number | undefined {
  const m = /^(?:(\d{4}-\d{2}-\d{2})[ T]+)?(\d{1,2}):(\d{2})(?::(\d{2}))?(?: ?(?:([+-]\d{2}):?(\d{2})|(Z)))?$/.exec(text.trim());
  if (!m) return undefined;
  const wall = Date.parse(`${m[1] ?? day(now())}T${m[2]!.padStart(2, "0")}:${m[3]}:${m[4] ?? "00"}Z`);
  if (Number.isNaN(wall)) return undefined;
  if (m[7]) return wall;
  if (m[5]) {
    const minutes = Math.abs(Number(m[5])) * 60 + Number(m[6]);
    return wall - (m[5].startsWith("-") ? -minutes : minutes) * 60_000;
  }
  return instants(wall)[0] ?? wall - offset(wall - 24 * 3_600_000); // in the hour that a spring day leaves out
}

/** instants gives the one or two instants at which the site's clock shows a wall time, in order. */
function instants(wall: number): number[] {
  const offsets = [offset(wall - 24 * 3_600_000), offset(wall + 24 * 3_600_000)];
  const found = offsets.map((o) => wall - o).filter((at) => at + offset(at) === wall);
  return [...new Set(found)].sort((a, b) => a - b);
}
