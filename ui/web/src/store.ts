// What the recorder said last, kept fresh by one event stream.

import { batch, computed, signal } from "@preact/signals";
import { get, Problem } from "./api";
import type { Attempt, AttemptPage, Camera, Containment, Device, Health, Site } from "./api";
import { follow, revive } from "./feed";
import { siteLanguage } from "./i18n";
import { me, readSession, reads } from "./session";
import { heard, now, second, zone } from "./time";

export const site = signal<Site | undefined>(undefined);
export const cameras = signal<Camera[] | undefined>(undefined);
export const devices = signal<Map<string, Device>>(new Map());
export const containment = signal<Containment | undefined>(undefined);
export const health = signal<Health | undefined>(undefined);

/** attempts by id; attemptsVersion changes whenever the map does. */
export const attempts = new Map<string, Attempt>();
export const attemptsVersion = signal(0);
export const attemptsLoaded = signal(false);

let maxAttempts = 2000; // kept here; more only where somebody asked for older ones

/** recorder's time of the last word heard from it */
const lastWord = signal(now());
/** silence after which the page says that it knows nothing any more, ms */
const silence = 8000;

/** lost tells that the recorder is silent: nothing on the page is known to be so. */
export const lost = computed(() => second.value - lastWord.value > silence);
export const lostSince = computed(() => lastWord.value);

export type Badge = "unknown" | "contained" | "enforced" | "unchecked" | "degraded" | "observing" | "disarmed" | "not-enforced";

/** A read-back older than this proves nothing, ms. */
const checkedFor = 15_000;

/** badge is what may be claimed about containment right now. */
export const badge = computed<Badge>(() => {
  const c = containment.value;
  if (lost.value || !c) return "unknown";
  if (["contained", "enforced", "degraded"].includes(c.state)) {
    if (second.value - Date.parse(c.checked) > checkedFor) return "unchecked";
  }
  return c.state;
});

export type Recorded = "unknown" | "off" | "recording" | "waiting" | "failed";

/** recorded is what may be claimed about a camera's recording right now: the worst of its streams. */
export function recorded(c: Camera): Recorded {
  if (lost.value) return "unknown";
  const order = ["failed", "waiting", "recording"] as const;
  return order.find((s) => c.streams.some((x) => x.recording === s)) ?? "off";
}

/** unrecorded lists the cameras that should be recorded and are not, as far as is known. */
export const unrecorded = computed(() => (cameras.value ?? []).filter((c) => ["waiting", "failed"].includes(recorded(c))));

/** recordingBadge is what may be claimed about recording as a whole; undefined while nothing is to be recorded. */
export const recordingBadge = computed<{ is: "unknown" | "all" | "missing"; recording: number; asked: number } | undefined>(() => {
  const asked = (cameras.value ?? []).filter((c) => c.streams.some((s) => s.recording !== "off")).length;
  if (lost.value && cameras.value) return { is: "unknown", recording: 0, asked };
  if (asked === 0) return undefined;
  const missing = unrecorded.value.length;
  return { is: missing > 0 ? "missing" : "all", recording: asked - missing, asked };
});

/** readBack tells whether the layers were read back lately enough to say what they are. */
export const readBack = computed(() => ["contained", "enforced", "degraded", "not-enforced"].includes(badge.value));

function isSite(l: string): "en" | "ko" {
  return l.startsWith("ko") ? "ko" : "en";
}

function putSite(s: Site): void {
  batch(() => {
    const fresh = site.value?.revision !== s.revision;
    site.value = s;
    zone.value = s.zone;
    siteLanguage.value = isSite(s.language);
    if (fresh) void readDevices();
  });
}

/** forbidden tells that asking again is of no use: the session has ended, or the role is another. */
function forbidden(e: unknown): boolean {
  return e instanceof Problem && (e.status === 401 || e.status === 403);
}

async function readDevices(): Promise<void> {
  if (!reads.peek()) return; // addresses are for those who read everything
  try {
    const { devices: list } = await get<{ devices: Device[] }>("devices");
    devices.value = new Map(list.map((d) => [d.id, d]));
  } catch (e) {
    if (!forbidden(e)) setTimeout(() => void readDevices(), 3000);
  }
}

function putCameras(all: boolean, told: Camera[]): void {
  // A camera without streams is one that shows nothing, never an error that stops the page.
  const list = told.map((c) => ({ ...c, streams: c.streams ?? [] }));
  if (all) {
    cameras.value = list;
    return;
  }
  const fresh = new Map(list.map((c) => [c.id, c]));
  cameras.value = (cameras.value ?? []).map((c) => fresh.get(c.id) ?? c);
}

/** putAttempts takes attempts that are new or changed; an older state of one never replaces a newer. */
export function putAttempts(list: Attempt[]): void {
  for (const a of list) {
    const old = attempts.get(a.id);
    if (a.into) attempts.delete(a.id); // it is in another row now
    else if (!old || a.count >= old.count) attempts.set(a.id, a);
  }
  if (attempts.size > maxAttempts) {
    const byAge = [...attempts.values()].sort((a, b) => Date.parse(a.last) - Date.parse(b.last));
    for (const a of byAge.slice(0, attempts.size - maxAttempts)) attempts.delete(a.id);
  }
  attemptsVersion.value++;
}

/** where the pages read so far end; undefined is the end of the list */
let moreRest: string | undefined;
let moreChatter: string | undefined;
/** olderLeft tells whether the recorder has older attempts than were read. */
export const olderLeft = signal(false);

let asked = false;

/** readAttempts reads the newest attempts, chatter apart so that it never crowds out the rest. */
async function readAttempts(): Promise<void> {
  asked = true;
  if (!reads.peek()) return;
  try {
    const [rest, chatter] = await Promise.all([
      get<AttemptPage>("attempts", { limit: 300 }),
      get<AttemptPage>("attempts", { limit: 100, reason: "chatter" }),
    ]);
    took(rest, chatter);
    attemptsLoaded.value = true;
  } catch (e) {
    if (!forbidden(e)) setTimeout(() => void readAttempts(), 2000);
  }
}

function took(rest: AttemptPage | undefined, chatter: AttemptPage | undefined): void {
  moreRest = rest?.next;
  moreChatter = chatter?.next;
  olderLeft.value = moreRest !== undefined || moreChatter !== undefined;
  putAttempts([...(rest?.attempts ?? []), ...(chatter?.attempts ?? [])]);
}

/** readOlder reads the pages after those read so far. */
export async function readOlder(): Promise<void> {
  maxAttempts += 600;
  const page = (cursor: string | undefined, reason: string): Promise<AttemptPage | undefined> =>
    cursor === undefined ? Promise.resolve(undefined) : get<AttemptPage>("attempts", { limit: 300, reason, cursor });
  const [rest, chatter] = await Promise.all([page(moreRest, ""), page(moreChatter, "chatter")]);
  took(rest, chatter);
}

/** heardNow notes that the recorder said something, with its clock where that came along. */
function heardNow(c?: { now: string; up?: number }): void {
  if (c) heard(c.now, c.up);
  lastWord.value = now();
}

/** event takes one event of the stream. */
function event(name: string, body: string): void {
  const v: unknown = JSON.parse(body);
  switch (name) {
    case "site":
      putSite(v as Site);
      break;
    case "health":
      health.value = v as Health;
      break;
    case "cameras": {
      const c = v as { all: boolean; cameras: Camera[] };
      if (c.all && cameras.peek()) void readSession(); // what one may do with them may be new too
      putCameras(c.all, c.cameras);
      break;
    }
    case "containment": {
      const c = v as Containment & { now: string; up: number };
      heardNow(c);
      containment.value = c;
      return;
    }
    case "attempts":
      putAttempts(v as Attempt[]);
      break;
    case "clock":
      heardNow(v as { now: string; up: number });
      return;
    case "reset":
      attempts.clear();
      void readAttempts();
      break;
  }
  heardNow();
}

/** start opens the event stream, and again when it went silent without an error. */
export function start(): void {
  void get<Site & { now: string }>("site").then((s) => {
    heardNow(s);
    putSite(s);
  }).catch(() => undefined);
  follow({
    event,
    // The list is read once the stream is open: what comes in between is then in both, and not in neither.
    opened: (continued) => {
      if (!continued || !asked) void readAttempts();
    },
  }, me.peek()?.id ?? "");
  let quiet = 0;
  second.subscribe(() => {
    quiet = now() - lastWord.peek() > silence * 1.5 ? quiet + 1 : 0;
    if (quiet === 1 || (quiet > 0 && quiet % 10 === 0)) revive();
  });
}
