// Which camera is looked at alone, and at which time. The address carries it,
// so that a link or a reload leads to the same picture.

import { signal } from "@preact/signals";
import { go, page } from "./route";

export interface View {
  camera: string;
  /** instant to play from, ms; undefined is live */
  at?: number;
  /** counts requests: asking for the same instant again is asking again */
  asked?: number;
}

let asked = 0;

export const view = signal<View | undefined>(read());

/** instant that playback shows now, for the timelines */
export const cursor = signal<{ camera: string; at: number } | undefined>(undefined);

function read(): View | undefined {
  if (location.hash.startsWith("#/")) return undefined; // a page of route.ts
  const p = new URLSearchParams(location.hash.slice(1));
  const camera = p.get("camera");
  if (!camera) return undefined;
  const at = Date.parse(p.get("at") ?? "");
  return Number.isNaN(at) ? { camera } : { camera, at };
}

function write(v: View | undefined): string {
  if (!v) return location.pathname;
  const p = new URLSearchParams({ camera: v.camera });
  if (v.at !== undefined) p.set("at", new Date(v.at).toISOString());
  return "#" + p.toString();
}

/** look shows one camera, live or from an instant on; nothing shows the wall. */
export function look(v: View | undefined): void {
  if (!v || v.at === undefined) cursor.value = undefined;
  view.value = v && { ...v, asked: ++asked };
  history.pushState(null, "", write(v));
}

/** note keeps the address in step with playback without a new entry in the history. */
export function note(v: View): void {
  history.replaceState(null, "", write(v));
}

addEventListener("popstate", () => {
  view.value = read();
  if (view.value?.at === undefined) cursor.value = undefined;
});

/** jump brings a part of the house into view; within it, without touching the address. */
export function jump(e: MouseEvent, id: string): void {
  e.preventDefault();
  if (page.value !== "house") {
    go(location.pathname);
    requestAnimationFrame(() => requestAnimationFrame(() => reveal(id))); // once it is there
    return;
  }
  reveal(id);
}

function reveal(id: string): void {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  document.getElementById(id)?.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
}
