// Every time on the page is the recorder's, in the site's zone: the browser's
// clock and zone only measure how much time went by.

import { signal } from "@preact/signals";

export const zone = signal("UTC");

/** best guess of recorder's milliseconds at performance.now() = 0 */
let base = Date.now() - performance.now();
let known = false;

/** heard takes the recorder's clock from a message that was just received. */
export function heard(iso: string): void {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return;
  const guess = at - performance.now();
  // A message can only be late, so the largest guess is the best one; a clock
  // that was stepped back more than that could explain is believed at once.
  if (!known || guess > base || base - guess > 1500) {
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

/** stamp writes 2026-11-23 14:03:12. */
export function stamp(ms: number): string {
  return day(ms) + " " + clock(ms);
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

/** fromText reads "2026-11-23 14:03:12" (T and seconds are optional) or "14:03" of today as a time of the site's zone; an hour that comes twice is its first. */
export function fromText(text: string): number | undefined {
  const m = /^(?:(\d{4}-\d{2}-\d{2})[ T]+)?(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text.trim());
  if (!m) return undefined;
  const wall = Date.parse(`${m[1] ?? day(now())}T${m[2]!.padStart(2, "0")}:${m[3]}:${m[4] ?? "00"}Z`);
  if (Number.isNaN(wall)) return undefined;
  const first = wall - offset(wall);
  const second = wall - offset(first);
  const early = Math.min(first, second);
  return early + offset(early) === wall ? early : second;
}
