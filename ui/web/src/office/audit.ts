// The audit log as the page reads it: what is asked for, and what came so far.

import { signal } from "@preact/signals";
import { get } from "../api";
import { go, link, route } from "../route";
import { fromText, now } from "../time";

export interface Entry {
  seq: number;
  time: string;
  actor: string;
  actor_id?: string;
  via?: string;
  source?: string;
  action: string;
  object?: string;
  camera?: string;
  from?: string;
  to?: string;
  before?: unknown;
  after?: unknown;
  outcome?: string;
  detail?: string;
}

interface Page {
  entries: Entry[] | null;
  next?: string;
  searched?: string;
}

export type Range = "hour" | "day" | "week" | "month" | "all" | "between";

const lengths: Partial<Record<Range, number>> = { hour: 3_600_000, day: 86_400_000, week: 7 * 86_400_000, month: 30 * 86_400_000 };

/** Filter is what is asked for; the address carries it, so that a link shows the same. */
export interface Filter {
  range: Range;
  from: string; // as typed, of the range "between"
  to: string;
  actor: string;
  action: string;
  object: string;
  camera: string;
  q: string;
}

/** filterOf reads the filter of the address. */
export function filterOf(p: URLSearchParams): Filter {
  const range = p.get("range") as Range | null;
  const text = (name: string): string => p.get(name) ?? "";
  return {
    range: range && (range in lengths || range === "all" || range === "between") ? range : "week",
    from: text("from"), to: text("to"), actor: text("actor"), action: text("action"), object: text("object"), camera: text("camera"), q: text("q"),
  };
}

/** choose changes the filter, without a way back for each letter. */
export function choose(change: Partial<Filter>): void {
  const f = { ...filterOf(route.peek().params), ...change };
  if (f.range !== "between") f.from = f.to = "";
  const params = Object.fromEntries(Object.entries(f).filter(([k, v]) => !(k === "range" && v === "week")));
  go(link("audit", "", params), true);
}

/** asked gives the filter as the API wants it. */
export function asked(f: Filter): Record<string, string | undefined> {
  const length = lengths[f.range];
  const iso = (text: string): string | undefined => {
    const at = fromText(text);
    return at === undefined ? undefined : new Date(at).toISOString();
  };
  return {
    from: length !== undefined ? new Date(now() - length).toISOString() : iso(f.from),
    to: f.range === "between" ? iso(f.to) : undefined,
    actor: f.actor, action: f.action, object: f.object, camera: f.camera, q: f.q,
  };
}

/** entries that one press of "older" brings */
const portion = 50;
/** answers that one press waits for, at the most: each looks for as long as the recorder lets it */
const patience = 100;

/** Reading is what came so far. */
export interface Reading {
  entries: Entry[];
  busy: boolean;
  /** there is more before */
  more: boolean;
  /** how far back was looked, ms */
  searched: number | undefined;
  trouble: unknown;
}

const nothing: Reading = { entries: [], busy: true, more: false, searched: undefined, trouble: undefined };

/** Reader reads the log page by page, newest first. */
export class Reader {
  readonly state = signal<Reading>(nothing);
  private stop = new AbortController();
  private query: Record<string, string | undefined> = {};
  private next: string | undefined;

  /** begin asks anew. */
  begin(f: Filter): void {
    this.stop.abort();
    this.stop = new AbortController();
    this.query = asked(f);
    this.next = undefined;
    this.state.value = nothing;
    void this.older();
  }

  /** older reads on where reading ended. */
  async older(): Promise<void> {
    const { signal } = this.stop;
    this.state.value = { ...this.state.peek(), busy: true, trouble: undefined };
    const had = this.state.peek().entries.length;
    try {
      for (let n = 0; n < patience; n++) {
        const page = await get<Page>("audit", { ...this.query, cursor: this.next, limit: portion }, signal);
        if (signal.aborted) return;
        const before = this.state.peek();
        const entries = [...before.entries, ...(page.entries ?? [])];
        this.next = page.next || undefined;
        const more = this.next !== undefined;
        const busy = more && entries.length - had < portion && n + 1 < patience;
        this.state.value = { entries, busy, more, searched: page.searched ? Date.parse(page.searched) : before.searched, trouble: undefined };
        if (!busy) return;
      }
    } catch (trouble) {
      if (!signal.aborted) this.state.value = { ...this.state.peek(), busy: false, trouble };
    }
  }

  close(): void {
    this.stop.abort();
  }
}
