import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type { Deleted, Deletion as Plan, DeletionPart } from "../api";
import { get, send } from "../api";
import { Dialog } from "../dialog";
import { marked } from "../holds";
import type { Marked } from "../holds";
import { bytes, t, word } from "../i18n";
import { Icon } from "../icons";
import { Text } from "../people/fields";
import { cameras, site } from "../store";
import { useTask } from "../task";
import { shortStamp, stamp } from "../time";
import { Told, Trouble, waits } from "../trouble";
import { Range, useRange } from "./range";
import { words } from "./words";

/** stretches of a kind that a plan lists */
const mostParts = 50;

/** Deletion deletes a range by hand: it shows what would go before it asks. */
export function Deletion({ of, close }: { of: Partial<Marked>; close: () => void }): JSX.Element {
  const m = words.value;
  const looking = useTask();
  const deleting = useTask();
  const range = useRange(of);
  const plan = useSignal<Plan | undefined>(undefined);
  const gone = useSignal<Deleted | undefined>(undefined);
  const reason = useSignal("");
  const show = (): Promise<boolean> => looking.run(async () => {
    const times = range.times();
    plan.value = undefined;
    if (!times) throw new Told(m.timeWrong, "");
    plan.value = await get<Plan>("deletions", { camera: range.camera, ...times });
  });
  useEffect(() => void (of.from !== undefined && show()), []);
  const remove = (e: SubmitEvent): void => {
    e.preventDefault();
    const p = plan.value;
    if (!p) {
      void show();
      return;
    }
    void deleting.run(async () => {
      gone.value = await send<Deleted>("POST", "deletions", { camera: p.camera, from: p.from, to: p.to, plan: p.plan, why: reason.value.trim() });
      marked.value = undefined;
    });
  };
  const asked = waits(deleting.trouble);
  return (
    <Dialog title={m.deleteTitle} close={close}>
      {gone.value ? <Done of={gone.value} close={close} /> : (
        <form class="form keeping" onSubmit={remove}>
          <p class="muted small">{m.deleteText}</p>
          <Range of={{ ...range, change: (next) => { plan.value = undefined; deleting.clear(); range.change(next); } }} may={() => true} />
          {looking.busy && <p class="muted small" role="status"><span class="spinner" /> {m.planning}</p>}
          <Trouble of={looking.trouble} />
          {plan.value && <PlanTable of={plan.value} />}
          {plan.value && plan.value.segments > 0 && (
            <>
              <Text label={m.reason} hint={m.reasonHint} value={reason.value} change={(v) => (reason.value = v)} most={160} required focus />
              {site.value?.two_persons && !asked && <div class="note warn"><Icon name="people" size={18} /><div>{m.deleteTwo}</div></div>}
            </>
          )}
          <Trouble of={deleting.trouble} />
          <p class="form-foot">
            <button type="button" onClick={close}>{asked ? t.value.close : t.value.cancel}</button>
            {!plan.value && <button type="submit" class="primary" disabled={looking.busy}>{m.show}</button>}
            {plan.value && plan.value.segments > 0 && !asked && (
              <button type="submit" class="primary danger" disabled={deleting.busy || reason.value.trim() === ""}>{m.del}</button>
            )}
          </p>
        </form>
      )}
    </Dialog>
  );
}

/** PlanTable is what goes and what stays. */
function PlanTable({ of }: { of: Plan }): JSX.Element {
  const m = words.value;
  const groups: [string, DeletionPart[], string][] = [
    [m.goes, of.ranges, "goes"], [m.held, of.held, "stays"], [m.growing, of.growing, "stays"], [m.away, of.away, "stays"],
  ];
  return (
    <div class="plan" data-plan={of.plan}>
      <p><b>{of.segments === 0 ? m.nothing : m.sum(of.segments, bytes(of.bytes))}</b> <bdi class="muted">{cameras.value?.find((c) => c.id === of.camera)?.name ?? of.camera}</bdi></p>
      <div class="scroll-x">
        <table>
          <thead><tr><th /><th>{m.stream}</th><th>{m.range}</th><th class="num">{m.segments}</th><th class="num">{m.size}</th></tr></thead>
          <tbody>
            {groups.flatMap(([what, parts, kind]) => parts.slice(0, mostParts).map((p) => (
              <tr key={what + p.stream + p.from} class={kind}>
                <td class="p-what">{what}</td><td class="p-stream">{word({ main: t.value.main, sub: t.value.sub }, p.stream)}</td>
                <td class="p-range">{stamp(Date.parse(p.from))} – {shortStamp(Date.parse(p.to))}</td>
                <td class="num p-count"><span class="card-label">{m.segments} </span>{p.segments}</td><td class="num p-size">{bytes(p.bytes)}</td>
              </tr>
            )))}
          </tbody>
        </table>
      </div>
      {groups.some(([, parts]) => parts.length > mostParts) && <p class="muted small">{m.moreParts(groups.reduce((n, [, parts]) => n + Math.max(0, parts.length - mostParts), 0))}</p>}
    </div>
  );
}

function Done({ of, close }: { of: Deleted; close: () => void }): JSX.Element {
  const m = words.value;
  return (
    <div class="form">
      <div class="note good" role="status">
        <Icon name="check" size={18} />
        <div>
          <strong>{m.deleted(of.segments, bytes(of.bytes))}</strong>
          {of.waiting > 0 && <p>{m.later(of.waiting)}</p>}
          {of.held > 0 && <p>{m.kept(of.held)}</p>}
        </div>
      </div>
      <p class="form-foot"><button class="primary" onClick={close}>{m.done}</button></p>
    </div>
  );
}
