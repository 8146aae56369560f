import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { get } from "../api";
import { word as wordFor } from "../filter";
import { count, t, word } from "../i18n";
import { shortStamp } from "../time";
import { TroubleLine } from "../trouble";
import { chatter, chips, q } from "./search";
import { words } from "./words";

export type Grouping = "camera" | "destination" | "reason";

interface Group {
  value: string;
  name?: string;
  country?: string;
  attempts: number;
  count: number;
  first: string;
  last: string;
}

interface Answer {
  groups: Group[];
  next?: string;
  searched?: string;
}

/** added joins the groups of two parts of the list. */
function added(a: Group[], b: Group[]): Group[] {
  const all = new Map(a.map((g) => [g.value, g]));
  for (const g of b) {
    const was = all.get(g.value);
    all.set(g.value, was ? { ...was, attempts: was.attempts + g.attempts, count: was.count + g.count, first: was.first < g.first ? was.first : g.first } : g);
  }
  return [...all.values()].sort((x, y) => y.count - x.count);
}

/** only is the word that shows a group's attempts alone. */
function only(by: Grouping, g: Group): string {
  if (g.value === "**") return "";
  if (g.value === "*") return wordFor("is", "names");
  if (by === "camera") return wordFor("device", g.value || "-");
  if (by === "reason") return wordFor("reason", g.value);
  return /^[0-9.]+$|:/.test(g.value) ? wordFor("address", g.value) : wordFor("host", g.value);
}

function heading(by: Grouping): string {
  const m = t.value;
  return { camera: m.colDevice, destination: m.colDestination, reason: m.colReason }[by];
}

/** Groups counts what the filter chooses by what it has in common. */
export function Groups({ by, done }: { by: Grouping; done: () => void }): JSX.Element {
  const m = words.value;
  const answer = useSignal<Answer | undefined>(undefined);
  const failed = useSignal<unknown>(undefined);
  const asked = q.value;
  const noisy = chatter.value;
  const on = useSignal(false); // older ones were asked for: what was counted stays
  const stop = useRef(new AbortController());
  const read = async (cursor?: string): Promise<void> => {
    const { signal } = stop.current; // ends with the filter that is asked for
    try {
      const a = await get<Answer>("attempts/groups", { by, q: asked, chatter: noisy ? "true" : undefined, cursor }, signal);
      const was = answer.peek();
      if (signal.aborted || (cursor === undefined ? on.peek() : cursor !== was?.next)) return; // late
      answer.value = cursor ? { ...a, groups: added(was?.groups ?? [], a.groups) } : a;
      failed.value = undefined;
    } catch (e) {
      if (!signal.aborted) failed.value = e;
    }
  };
  const goOn = (): void => {
    on.value = true;
    void read(answer.peek()?.next);
  };
  useEffect(() => {
    const mine = (stop.current = new AbortController());
    answer.value = failed.value = undefined;
    on.value = false;
    void read();
    const again = setInterval(() => !on.peek() && void read(), 5000);
    return () => {
      mine.abort();
      clearInterval(again);
    };
  }, [by, asked, noisy]);
  const a = answer.value;
  const name = (g: Group): string => (g.value === "**" ? m.rest : g.value === "*" ? t.value.manyNames : by === "reason" ? word(t.value.reason, g.value) : g.name || g.value || (by === "camera" ? t.value.unknownDevice : m.none));
  return (
    <div class="table-box groups" tabIndex={0} role="region" aria-label={m.by[by]}>
      <TroubleLine of={failed.value} />
      <table>
        <thead>
          <tr>
            <th>{heading(by)}</th>{by === "destination" && <th>{m.colCountry}</th>}
            <th class="num">{m.colAttempts}</th><th class="num">{t.value.colTries}</th><th>{t.value.colLast}</th>
          </tr>
        </thead>
        <tbody>
          {(a?.groups ?? []).map((g) => (
            <tr key={g.value} data-group={g.value}>
              <td>
                {only(by, g) ? (
                  <button class="by" title={t.value.filterBy(only(by, g))} onClick={() => { chips.value = [...chips.value.filter((c) => c !== only(by, g)), only(by, g)]; done(); }}>
                    <bdi>{name(g)}</bdi>
                  </button>
                ) : <bdi>{name(g)}</bdi>}
              </td>
              {by === "destination" && <td>{g.country ?? ""}</td>}
              <td class="num">{count(g.attempts)}</td>
              <td class="num"><b>{count(g.count)}</b></td>
              <td>{shortStamp(Date.parse(g.last))}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {a?.next && (
        <p class="table-foot">
          {a.searched && <span class="muted">{m.groupsPart(shortStamp(Date.parse(a.searched)))}</span>}
          <button class="small" onClick={goOn}>{m.goOn}</button>
        </p>
      )}
    </div>
  );
}
