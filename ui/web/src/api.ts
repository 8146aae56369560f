// What the API says: the same words as ui/views.go.

export interface Site {
  name: string;
  zone: string;
  language: string;
  version: string;
  revision: string;
  started: string;
  demo: boolean;
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
  evidence?: string;
}

export interface AttemptPage {
  attempts: Attempt[];
  next?: string;
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
  state: "enforced" | "degraded" | "not-enforced" | "observing" | "disarmed";
  reasons: string[] | null;
  since: string;
  checked: string;
  revision: string;
  generation: number;
  backend?: string;
  layers: Layer[] | null;
  counted: { dropped: number; read: number; lost: number; suppressed: number; unread: number };
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

/** Problem is an answer of the API that is not 200. */
export class Problem extends Error {
  readonly status: number;
  readonly fix: string;
  constructor(status: number, message: string, fix: string) {
    super(message);
    this.status = status;
    this.fix = fix;
  }
}

/** trouble says what went wrong and what to do about it. */
export function trouble(e: unknown): { why: string; fix: string } {
  if (e instanceof Problem) return { why: e.message, fix: e.fix };
  return { why: e instanceof Error ? e.message : String(e), fix: "" };
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

/** get asks the API; it throws a Problem when the answer is one. */
export async function get<T>(path: string, params: Record<string, string | number | undefined> = {}, signal?: AbortSignal): Promise<T> {
  const res = await fetch(address(path, params), signal ? { signal } : {});
  const body: unknown = await res.json().catch(() => ({}));
  if (!res.ok) {
    const p = body as { error?: string; fix?: string };
    throw new Problem(res.status, p.error ?? res.statusText, p.fix ?? "");
  }
  return body as T;
}
