// The words by which attempts are filtered. The recorder reads them, in the one
// language that its API and command line have too: here they are only written.

import type { Attempt } from "./api";

/** fields that a cell can be filtered by, each with the word for its value */
export const fields = {
  camera: (a: Attempt) => (a.camera ? word("camera", a.camera) : word("device", a.device || "-")),
  host: (a: Attempt) => word("host", a.host),
  said: (a: Attempt) => word("said", a.said?.[0]?.name),
  country: (a: Attempt) => word("country", a.country),
  network: (a: Attempt) => word("network", a.network),
  address: (a: Attempt) => (a.family === 0 ? quoted(a.address) : word("address", a.address)),
  port: (a: Attempt) => (a.overflow || a.scan ? "" : a.port ? word("port", String(a.port)) : word("protocol", a.protocol.toLowerCase())),
  reason: (a: Attempt) => word("reason", a.reason),
  layer: (a: Attempt) => word("layer", a.layer),
  rule: (a: Attempt) => word("rule", a.rule),
  source: (a: Attempt) => (a.source ? word("source", a.source) : word("mac", a.mac)),
} satisfies Record<string, (a: Attempt) => string>;

export type Field = keyof typeof fields;

/** quoted puts a value in quotes where it needs them. */
function quoted(value: string): string {
  return /\s/.test(value) ? `"${value}"` : value;
}

/** word asks for a value of a field; none where there is no value, or one with a quote, which cannot be asked for. */
export function word(field: string, value: string | undefined): string {
  return value && !value.includes('"') ? `${field}:${quoted(value)}` : "";
}

/** without turns a word round. */
export function without(w: string): string {
  return w.startsWith("-") ? w.slice(1) : "-" + w;
}

/** portText writes 443/TCP, or ICMP; nothing for a row of many destinations. */
export function portText(a: Attempt): string {
  if (a.overflow || a.scan) return "";
  return a.port ? `${a.port}/${a.protocol}` : a.protocol;
}
