// What of the attempts is shown: all that came, or what the recorder finds for the
// words of the filter, asked anew as attempts come.

import { computed, effect, signal } from "@preact/signals";
import { get } from "../api";
import type { Attempt, AttemptPage } from "../api";
import { attempts, attemptsVersion } from "../store";

/** words taken from cells */
export const chips = signal<string[]>([]);
export const typed = signal("");
export const chatter = signal(false);
/** why the filter cannot be answered */
export const wrong = signal<unknown>(undefined);

/** q is the filter as the recorder reads it. */
export const q = computed(() => [...chips.value, typed.value.trim()].filter((w) => w !== "").join(" "));

/** found is what the recorder found; undefined while there is no filter. */
export const found = signal<{ rows: Attempt[]; next: string | undefined; searched: string | undefined } | undefined>(undefined);

/** filtered tells whether there is a filter that was answered. */
export const filtered = computed(() => found.value !== undefined);

/** current is an attempt as it stands now. */
export function current(id: string): Attempt | undefined {
  return attempts.get(id) ?? found.value?.rows.find((a) => a.id === id);
}

const pageSize = 300;
const typing = 200; // ms without another letter, then the recorder is asked
const againAfter = 1000; // ms between questions while attempts come
let stop: AbortController | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let askedAt = 0;

async function ask(): Promise<void> {
  timer = undefined;
  stop?.abort();
  const mine = (stop = new AbortController());
  askedAt = Date.now();
  try {
    const page = await get<AttemptPage>("attempts", { q: q.peek(), limit: pageSize, chatter: chatter.peek() ? "true" : undefined }, mine.signal);
    if (mine.signal.aborted) return;
    found.value = { rows: page.attempts, next: page.next, searched: page.searched };
    wrong.value = undefined;
  } catch (e) {
    if (!mine.signal.aborted) wrong.value = e;
  }
}

/** more asks for the older ones. */
export async function more(): Promise<void> {
  const f = found.peek();
  if (!f?.next) return;
  const asked = q.peek();
  const page = await get<AttemptPage>("attempts", { q: asked, limit: pageSize, chatter: chatter.peek() ? "true" : undefined, cursor: f.next });
  if (asked === q.peek()) found.value = { rows: [...(found.peek()?.rows ?? []), ...page.attempts], next: page.next, searched: page.searched };
}

let before = "";

/** The recorder is asked when the filter changes, and now and then while attempts come. */
effect(() => {
  void attemptsVersion.value;
  const now = q.value + (chatter.value ? "\n" : "");
  const changed = now !== before;
  before = now;
  if (q.value === "") {
    clearTimeout(timer);
    timer = undefined;
    stop?.abort();
    found.value = undefined;
    wrong.value = undefined;
    return;
  }
  if (changed) clearTimeout(timer);
  else if (timer !== undefined || (found.peek()?.rows.length ?? 0) > pageSize) return; // who reads older ones is not disturbed
  timer = setTimeout(() => void ask(), changed ? typing : Math.max(againAfter - (Date.now() - askedAt), 0));
});
