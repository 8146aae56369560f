import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import type { Hold } from "../api";
import { send } from "../api";
import { Dialog } from "../dialog";
import { marked, mayHold, readHolds } from "../holds";
import type { Marked } from "../holds";
import { t } from "../i18n";
import { Icon } from "../icons";
import { Choice } from "../menu";
import { Text } from "../people/fields";
import { useTask } from "../task";
import { fromText, now, stamp } from "../time";
import { Told, Trouble } from "../trouble";
import { Range, useRange } from "./range";
import { words } from "./words";

const thirtyDays = 30 * 24 * 3_600_000;

/** HoldForm holds a range. */
export function HoldForm({ of, close }: { of: Partial<Marked>; close: () => void }): JSX.Element {
  const m = words.value;
  const task = useTask();
  const range = useRange(of);
  const why = useSignal("");
  const ends = useSignal<"removed" | "time">("removed");
  const expires = useSignal(stamp(Math.ceil((now() + thirtyDays) / 1000) * 1000));
  const hold = (e: SubmitEvent): void => {
    e.preventDefault();
    void task.run(async () => {
      const times = range.times();
      const until = ends.value === "time" ? fromText(expires.value) : undefined;
      if (!times || (ends.value === "time" && until === undefined)) throw new Told(m.timeWrong, "");
      const sent = { ...times, why: why.value.trim(), ...(until === undefined ? {} : { expires: new Date(until).toISOString() }) };
      // Also when it failed: a hold may be in force that a disk has not written down yet.
      await send<Hold>("POST", "holds?camera=" + encodeURIComponent(range.camera), sent).finally(readHolds);
      marked.value = undefined;
      close();
    });
  };
  return (
    <Dialog title={<><Icon name="lock" size={16} /> {m.holdTitle}</>} close={close}>
      <form class="form keeping" onSubmit={hold}>
        <p class="muted small">{m.holdText}</p>
        <Range of={range} may={mayHold} />
        <Text label={m.why} hint={m.whyHint} value={why.value} change={(v) => (why.value = v)} most={160} required focus />
        <div class="field">
          <span class="label">{m.until}</span>
          <Choice name={m.until} value={ends.value} options={[["removed", m.untilRemoved], ["time", m.untilTime]]} choose={(v) => (ends.value = v)} />
        </div>
        {ends.value === "time" && <Text label={m.expires} hint={m.expiresHint} value={expires.value} change={(v) => (expires.value = v)} required />}
        <Trouble of={task.trouble} />
        <p class="form-foot">
          <button type="button" onClick={close}>{t.value.cancel}</button>
          <button type="submit" class="primary" disabled={task.busy || why.value.trim() === ""}><Icon name="lock" size={14} /> {m.hold}</button>
        </p>
      </form>
    </Dialog>
  );
}
