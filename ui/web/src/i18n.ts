import { computed, effect, signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import { en } from "./en";
import { recall, remember } from "./memory";

/** Catalogue is every text of the page: one that a language lacks is a compile error. */
export type Catalogue = typeof en;

export type Language = "en" | "ko";

function remembered(): Language | undefined {
  const v = recall("language");
  return v === "en" || v === "ko" ? v : undefined;
}

/** chosen by the person at this browser; else the site file's language counts */
const chosen = signal<Language | undefined>(remembered());
export const siteLanguage = signal<Language>("en");

/** wanted is the language that the page is to have, once its texts are here */
const wanted = computed<Language>(() => chosen.value ?? siteLanguage.value);

/** korean is loaded by those who read it: undefined until it is here, false when it could not be had */
const korean = signal<Catalogue | false | undefined>(undefined);

effect(() => {
  if (wanted.value !== "ko" || korean.peek()) return;
  import("./ko").then((m) => (korean.value = m.ko)).catch(() => (korean.value = false));
});

/** language is the one in force: English where the wanted one can't be had. */
export const language = computed<Language>(() => (korean.value ? wanted.value : "en"));

/** settled is false while the page would speak another language than it is about to. */
export const settled = computed<boolean>(() => wanted.value === "en" || korean.value !== undefined);

/** t is the catalogue in force. */
export const t = computed<Catalogue>(() => (language.value === "ko" && korean.value) || en);

/** inLanguage is one of several catalogues of a part of the page: the one in force. */
export function inLanguage<C>(all: Record<Language, C>): ReadonlySignal<C> {
  return computed(() => all[language.value]);
}

export function choose(l: Language): void {
  chosen.value = l;
  remember("language", l);
}

/** word looks a value of the API up, and shows it as it is when it is unknown. */
export function word(table: Record<string, string>, key: string): string {
  return Object.hasOwn(table, key) ? (table[key] ?? key) : key;
}

/** count writes a whole number with separators. */
export function count(n: number): string {
  return new Intl.NumberFormat(language.value).format(n);
}

/** ago writes how long ago something was. */
export function ago(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  const m = t.value;
  if (s < 90) return m.secondsAgo(s);
  if (s < 90 * 60) return m.minutesAgo(Math.round(s / 60));
  if (s < 36 * 3600) return m.hoursAgo(Math.round(s / 3600));
  return m.daysAgo(Math.round(s / 86400));
}

/** bits writes a bit rate. */
export function bits(n: number): string {
  if (n >= 1e6) return (n / 1e6).toFixed(n >= 1e7 ? 0 : 1) + " Mbit/s";
  return Math.round(n / 1e3) + " kbit/s";
}

/** bytes writes an amount of memory. */
export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return (i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)) + " " + units[i];
}
