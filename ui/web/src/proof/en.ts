// English: the language that the others are checked against.

export const en = {
  canary: "Canary",
  none: "No round yet",
  verdict: { proved: "Proved", unproved: "Not proved", weakened: "A layer did not do its part", leaking: "A packet got out" } as Record<string, string>,
  tried: (stopped: number, all: number): string => `${stopped} of ${all} paths stopped where they should be`,
  at: (when: string): string => `round ${when}`,
  next: (seconds: number): string => (seconds > 0 ? `next in ${seconds} s` : "next is due"),
  took: (seconds: number, cpu: number): string => `${seconds.toFixed(2)} s, ${Math.round(cpu * 1000)} ms of a processor`,
  prove: "Prove now",
  paths: "Every path",
  as: { pinned: "A pinned camera", unpinned: "An unknown device", spoofing: "A spoofing device", outside: "From outside", box: "The box itself" } as Record<string, string>,
  outcome: { stopped: "stopped", "other-layer": "another layer held", unseen: "nothing tells what held it", leaked: "LEAKED" } as Record<string, string>,
  cameOut: (where: string): string => `came out at ${where}`,
  expected: (what: string): string => `should be ${what}`,
  controls: "Where it is looked for",
  sees: "sees",
  deaf: "DEAF: its control packet was not seen",
  notTried: "Not tried here",
  unseeable: "What this does not prove",
  /** texts of paths and of controls by their id; the recorder's own words where there is none */
  path: {} as Record<string, string>,
  control: {} as Record<string, string>,
  seen: {} as Record<string, string>,
  limits: [] as string[],
};
