// What is held, and which stretch of a camera's footage is marked to be held.
// Forms and lists of it are in the folder keeping, loaded when they are wanted.

import { effect, signal } from "@preact/signals";
import { get } from "./api";
import type { Hold } from "./api";
import { inside, may, me, reads } from "./session";
import { cameras } from "./store";

/** how often holds are looked for: others place and remove them too, ms */
const rhythm = 15_000;

/** holds in force; undefined until the recorder answered */
export const holds = signal<Hold[] | undefined>(undefined);
/** why they could not be read the last time */
export const holdsTrouble = signal<unknown>(undefined);

/** readHolds asks what is held. */
export async function readHolds(): Promise<void> {
  try {
    holds.value = (await get<{ holds: Hold[] }>("holds")).holds;
    holdsTrouble.value = undefined;
  } catch (e) {
    holdsTrouble.value = e;
  }
}

/** followHolds reads holds now and then, until the function that it gives is called. */
export function followHolds(): () => void {
  const timer = setInterval(() => inside.peek() && void readHolds(), rhythm);
  const stop = effect(() => void (inside.value && readHolds()));
  return () => {
    clearInterval(timer);
    stop();
  };
}

/** mayHold tells whether the person may hold footage, of a camera if one is named. */
export function mayHold(camera?: string): boolean {
  if (!me.value) return false;
  const c = camera === undefined ? undefined : cameras.value?.find((x) => x.id === camera);
  return may("export", c);
}

/** seesHolds tells whether the list of holds is of use to the person. */
export function seesHolds(): boolean {
  return me.value !== undefined && (reads.value || mayHold());
}

/** Marked is a stretch of a camera's footage that somebody marked, ms, half-open. */
export interface Marked {
  camera: string;
  from: number;
  to: number;
}

export const marked = signal<Marked | undefined>(undefined);

/** Wanted is the dialog that is open. */
export type Wanted = { what: "list" } | ({ what: "hold" | "delete" } & Partial<Marked>);

export const wanted = signal<Wanted | undefined>(undefined);
