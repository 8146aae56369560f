// What the API says: the same words as ui/views.go.

import { signal } from "@preact/signals";
import { acted } from "./presence";

export interface Site {
  name: string;
  zone: string;
  language: string;
  version: string;
  revision: string;
  started: string;
  demo: boolean;
  two_persons?: boolean;
}

export type StreamName = "main" | "sub";

export interface Stream {
  stream: StreamName;
  state: "starting" | "live" | "down";
  cause?: string;
  detail?: string;
  since?: string;
  codec?: string;
  codecs?: string;
  audio?: string;
  transport?: string;
  width?: number;
  height?: number;
  bitrate: number;
  fps?: number;
  lost: number;
  viewers: number;
  recording: "off" | "recording" | "waiting" | "failed";
  reason?: string;
  last_footage?: string;
}

export interface Camera {
  id: string;
  name: string;
  device: string;
  groups?: string[];
  streams: Stream[];
}

export interface Device {
  id: string;
  ip: string;
  mac: string;
  maker?: string;
  model?: string;
  country?: string;
  cameras: string[];
  mac_maker?: string;
  mac_local?: boolean;
  port?: string;
  /** the port that it is bound to */
  bound?: string;
  seen?: string;
  blocked: number;
  blocked_last?: string;
  /** what it said of itself last, in short */
  inspected?: { at: string; outcome: string; findings: number; level?: string };
  dhcp?: Told;
}

/** Told is what a device told DHCP of itself. */
export interface Told {
  name?: string;
  class?: string;
  /** the options that it asks for, in its order */
  parameters?: string;
  client_id?: string;
}

/** Tunnel leads an admin to a device's own pages. */
export interface Tunnel {
  id: string;
  device: string;
  address: string;
  tls: boolean;
  fingerprint?: string;
  why: string;
  by: string;
  /** opened in this session: only here it can be used */
  mine: boolean;
  opened: string;
  expires: string;
  requests: number;
  changes: number;
  to_device: number;
  from_device: number;
  url: string;
}

export interface Recording {
  run: string;
  start: string;
  end: string;
  bytes: number;
  state: "open" | "sealed" | "recovered";
}

export interface Gap {
  from: string;
  to?: string;
  reason: string;
  detail?: string;
}

/** Hold is footage that nothing deletes; by and why are for those who may hold it themselves. */
export interface Hold {
  id: string;
  camera: string;
  from: string;
  to: string;
  by?: string;
  why?: string;
  created: string;
  expires?: string;
}

export interface DeletionPart {
  stream: StreamName;
  from: string;
  to: string;
  segments: number;
  bytes: number;
}

/** Deletion is what deleting a range by hand would take, and what stays. */
export interface Deletion {
  camera: string;
  from: string;
  to: string;
  plan: string;
  segments: number;
  bytes: number;
  ranges: DeletionPart[];
  held: DeletionPart[];
  growing: DeletionPart[];
  away: DeletionPart[];
}

export interface Deleted {
  segments: number;
  bytes: number;
  held: number;
  waiting: number;
}

export interface Plan {
  start: string;
  /** where footage of another format follows */
  next?: string;
  pieces: { media: number; start: string; duration: number }[];
}

export interface Attempt {
  id: string;
  device?: string;
  camera?: string;
  mac: string;
  source: string;
  family: number;
  protocol: string;
  address: string;
  port?: number;
  icmp_type: number;
  host?: string;
  service?: string;
  reason: string;
  layer: string;
  rule: string;
  revision: string;
  ingress?: string;
  count: number;
  first: string;
  last: string;
  new: boolean;
  bytes?: number;
  overflow?: boolean;
  scan?: boolean;
  many?: boolean;
  folded?: number;
  into?: string;
  country?: string;
  network?: string;
  /** whose service it is, by the built-in table */
  cloud?: { service: string; owner?: string; by: "name" | "address" | "port"; match: string; source: string; seen: string };
  /** names in what was blocked */
  said?: { by: string; name: string; detail?: string }[];
  said_more?: boolean;
  tags?: string[];
  period?: number; // seconds, of a beacon
  jitter?: number;
  evidence?: string;
  times?: { start: string; width: number; count: number }[];
  earlier?: number;
}

export interface AttemptPage {
  attempts: Attempt[];
  next?: string;
  searched?: string;
}

export interface Layer {
  layer: string;
  name: string;
  holds: boolean;
  detail?: string;
  repaired: number;
  repaired_at?: string;
}

export interface Containment {
  state: "contained" | "enforced" | "degraded" | "not-enforced" | "observing" | "disarmed";
  reasons: string[] | null;
  notes: string[] | null;
  since: string;
  checked: string;
  revision: string;
  generation: number;
  backend?: string;
  layers: Layer[] | null;
  counted: { dropped: number; read: number; lost: number; suppressed: number; unread: number; canary?: number };
  /** the canary's last round; see proof/proof.tsx */
  proof?: { verdict: string; began?: string; next?: string; seconds: number; cpu_seconds: number; tried: number; stopped: number; leaked: number; reasons: string[] | null };
  /** why what is enforced is not contained */
  unproved?: string;
  drift: Drift[] | null;
  findings: Finding[] | null;
}

export interface Drift {
  id: number;
  first: string;
  last: string;
  layer: string;
  found: string;
  done: "repaired" | "gone" | "stands";
  count: number;
}

/** Finding is something about the network that no rule of the recorder can change. */
export interface Finding {
  kind: string;
  level: "not-enforced" | "warning" | "note";
  /** seen of late: it says how things are */
  current: boolean;
  device?: string;
  mac?: string;
  address?: string;
  port?: string;
  other?: string;
  first: string;
  last: string;
  count?: number;
  text: string;
  fix: string;
}

export interface HealthCheck {
  name: string;
  state: "ok" | "warn" | "bad";
  detail?: string;
  fix?: string;
}

export interface Health {
  state: "ok" | "warn" | "bad";
  checks: HealthCheck[] | null;
}

/** Problem is an answer of the API that is not what was asked for; status 0 is no answer at all. */
export class Problem extends Error {
  readonly status: number;
  readonly fix: string;
  /** when it is worth trying again, by performance.now(); 0 when the answer does not say */
  readonly retryAt: number;
  /** id of what waits for a second admin, with status 202 */
  readonly confirmation: string;
  constructor(status: number, message: string, fix: string, retryAfter = 0, confirmation = "") {
    super(message);
    this.status = status;
    this.fix = fix;
    this.retryAt = retryAfter > 0 ? performance.now() + retryAfter * 1000 : 0;
    this.confirmation = confirmation;
  }
}

/** address makes an address of the API; empty parameters are left out. */
export function address(path: string, params: Record<string, string | number | undefined> = {}): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(params)) {
    if (v !== undefined && v !== "") q.set(k, String(v));
  }
  const s = q.toString();
  return "/api/v1/" + path + (s ? "?" + s : "");
}

/** refusals counts answers that say that nobody is signed in here any more, or that one may not: both may be news. */
export const refusals = signal(0);

/** what a change must repeat, so that no other site's page can make it */
let csrf = "";

/** repeatWith takes what the session gave for changes to repeat. */
export function repeatWith(value: string): void {
  csrf = value;
}

/** attended is how a request says that somebody is at the page: else it does not keep the session from ending. */
function attended(): Record<string, string> {
  return acted() ? { "X-Nvr-Present": "1" } : {};
}

/** get asks the API; it throws a Problem when the answer is one. */
export async function get<T>(path: string, params: Record<string, string | number | undefined> = {}, signal?: AbortSignal): Promise<T> {
  return understand<T>(await fetch(address(path, params), { headers: attended(), ...(signal ? { signal } : {}) }));
}

/**
 * send asks the API for a change; it throws a Problem when that was not made, or
 * not yet. Of is the revision of the site file that a change is of.
 */
export async function send<T>(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown, of?: string): Promise<T> {
  const init: RequestInit = { method, headers: { ...attended(), ...(csrf ? { "X-CSRF-Token": csrf } : {}), ...(of ? { "If-Match": of } : {}) } };
  if (body !== undefined) {
    init.headers = { ...init.headers, "Content-Type": "application/json" };
    init.body = JSON.stringify(body);
  }
  let res: Response;
  try {
    res = await fetch(address(path), init);
  } catch {
    throw new Problem(0, "", "");
  }
  return understand<T>(res);
}

async function understand<T>(res: Response): Promise<T> {
  const body: unknown = await res.json().catch(() => ({}));
  if (res.ok && res.status !== 202) return body as T;
  const p = body as { error?: string; fix?: string; confirmation?: string };
  if (res.status === 401 || res.status === 403) refusals.value++;
  throw new Problem(res.status, p.error ?? res.statusText, p.fix ?? "", Number(res.headers.get("Retry-After")) || 0, p.confirmation ?? "");
}
