// The filter of the attempts table: terms that a row must match, or must not.

import type { Attempt } from "./api";

/** fields that a cell can be filtered by */
export const fields = {
  camera: (a: Attempt) => a.camera || a.device || "",
  host: (a: Attempt) => a.host ?? "",
  address: (a: Attempt) => a.address,
  port: (a: Attempt) => portText(a),
  reason: (a: Attempt) => a.reason,
  layer: (a: Attempt) => a.layer,
  rule: (a: Attempt) => a.rule,
  source: (a: Attempt) => a.source,
  mac: (a: Attempt) => a.mac,
} satisfies Record<string, (a: Attempt) => string>;

export type Field = keyof typeof fields;

/** Term is one condition; without a field its value may stand anywhere. */
export interface Term {
  field?: Field;
  value: string;
  not: boolean;
}

/** portText writes 443/TCP, or ICMP; nothing for a row of many destinations. */
export function portText(a: Attempt): string {
  if (a.overflow) return "";
  return a.port ? `${a.port}/${a.protocol}` : a.protocol;
}

/** words reads what a person typed: each word is a term, -word leaves out. */
export function words(text: string): Term[] {
  return text
    .trim()
    .split(/\s+/)
    .filter((w) => w !== "" && w !== "-")
    .map((w) => (w.startsWith("-") ? { value: w.slice(1), not: true } : { value: w, not: false }));
}

/** matches tells whether a row meets all terms. */
export function matches(a: Attempt, terms: Term[]): boolean {
  return terms.every((term) => {
    const hit = term.field
      ? fields[term.field](a) === term.value
      : haystack(a).includes(term.value.toLowerCase());
    return hit !== term.not;
  });
}

function haystack(a: Attempt): string {
  return [a.camera, a.device, a.host, a.address, portText(a), a.service, a.reason, a.layer, a.rule, a.source, a.mac].join("\n").toLowerCase();
}

/** same tells whether two terms are the same. */
export function same(a: Term, b: Term): boolean {
  return a.field === b.field && a.value === b.value && a.not === b.not;
}
