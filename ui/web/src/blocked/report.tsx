import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { address } from "../api";
import { Dialog } from "../dialog";
import { language } from "../i18n";
import { Icon } from "../icons";
import { me, reads } from "../session";
import { fromText, now, stamp } from "../time";
import { words } from "./words";

const days = [1, 7, 30];

/** PeriodReport asks for the signed report of a period: a page to be printed, or JSON. */
export function PeriodReport(): JSX.Element | null {
  const m = words.value;
  const asking = useSignal(false);
  if (!me.value || !reads.value) return null;
  return (
    <>
      <button class="small" onClick={() => (asking.value = true)}>{m.report}</button>
      {asking.value && <Dialog title={m.report} close={() => (asking.value = false)}><Period /></Dialog>}
    </>
  );
}

/** back is the time so many days ago, as it is typed: from its midnight on. */
function back(n: number): string {
  return stamp(now() - n * 86_400_000).slice(0, 10) + " 00:00:00";
}

function Period(): JSX.Element {
  const m = words.value;
  const typed = useSignal({ from: back(7), to: stamp(now()) });
  const from = fromText(typed.value.from);
  const to = fromText(typed.value.to);
  const right = from !== undefined && to !== undefined && from < to;
  const link = (page?: string): string =>
    address("report", { from: new Date(from!).toISOString(), to: new Date(to!).toISOString(), page });
  return (
    <div class="form">
      <p class="muted">{m.reportText}</p>
      <p class="chips">
        {days.map((n) => <button type="button" key={n} class="small" onClick={() => (typed.value = { from: back(n), to: stamp(now()) })}>{m.lastDays(n)}</button>)}
      </p>
      {(["from", "to"] as const).map((end) => (
        <div class="field" key={end}>
          <label class="label" for={"report-" + end}>{m.reportEnd[end]}</label>
          <input id={"report-" + end} type="text" value={typed.value[end]} spellcheck={false} autocomplete="off"
            onInput={(e) => (typed.value = { ...typed.value, [end]: e.currentTarget.value })} />
        </div>
      ))}
      <p class="hint" role="status">{right ? m.reportHint : m.reportWrong}</p>
      {right && (
        <p class="form-foot">
          <a class="button" href={link()} download><Icon name="download" /> JSON</a>
          <a class="button primary" href={link(language.value)} target="_blank" rel="noopener">{m.reportOpen}</a>
        </p>
      )}
    </div>
  );
}
