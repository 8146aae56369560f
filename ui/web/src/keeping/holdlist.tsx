import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type { Confirmation } from "../accounts";
import { get, send } from "../api";
import type { Hold } from "../api";
import { Dialog } from "../dialog";
import { holds, holdsTrouble, mayHold, readHolds, wanted } from "../holds";
import { t } from "../i18n";
import { Icon } from "../icons";
import { Text } from "../people/fields";
import { is, reads } from "../session";
import { cameras, site } from "../store";
import { useTask } from "../task";
import { shortStamp, stamp } from "../time";
import { Trouble, waits } from "../trouble";
import { look } from "../view";
import { words } from "./words";

/** how often it is looked whether another admin confirmed, ms */
const rhythm = 4000;

/** useWaiting gives what waits for a second admin, by hold. */
function useWaiting(): { of: (hold: string) => Confirmation | undefined; read: () => Promise<void> } {
  const list = useSignal<Confirmation[]>([]);
  const read = async (): Promise<void> => {
    if (!reads.peek() || !site.peek()?.two_persons) return;
    list.value = (await get<{ confirmations: Confirmation[] }>("confirmations")).confirmations;
  };
  useEffect(() => {
    const both = (): void => void Promise.all([read(), readHolds()]).catch(() => undefined); // asked again soon
    both();
    const timer = setInterval(both, rhythm);
    return () => clearInterval(timer);
  }, []);
  return { of: (hold) => list.value.find((c) => c.kind === "hold.remove" && c.object === "hold:" + hold), read };
}

/** HoldList is what is held, by whom, why and until when. */
export function HoldList({ close }: { close: () => void }): JSX.Element {
  const m = words.value;
  const waiting = useWaiting();
  const list = [...(holds.value ?? [])].sort((a, b) => Date.parse(b.created) - Date.parse(a.created));
  return (
    <Dialog title={<><Icon name="lock" size={16} /> {m.holds}</>} close={close} drawer>
      <div class="drawer-body">
        <p class="muted small">{m.holdsText}</p>
        {mayHold() && <p><button onClick={() => (wanted.value = { what: "hold" })}><Icon name="plus" size={14} /> {m.holdMore}</button></p>}
        <Trouble of={holdsTrouble.value} />
        {holds.value && list.length === 0 && <div class="empty"><Icon name="lock" size={26} /><strong>{m.none}</strong><p>{m.noneText}</p></div>}
        <ul class="hold-list">{list.map((h) => <Row key={h.id} h={h} asked={waiting.of(h.id)} read={waiting.read} />)}</ul>
      </div>
    </Dialog>
  );
}

function Row({ h, asked, read }: { h: Hold; asked: Confirmation | undefined; read: () => Promise<void> }): JSX.Element {
  const m = words.value;
  const removing = useSignal(false);
  const from = Date.parse(h.from);
  const name = cameras.value?.find((c) => c.id === h.camera)?.name ?? h.camera;
  return (
    <li data-hold={h.id}>
      <div class="hold-head">
        <strong><bdi>{name}</bdi></strong>
        <span class="hold-range">{stamp(from)} – {shortStamp(Date.parse(h.to))}</span>
      </div>
      {h.why && <p class="hold-why"><bdi>{h.why}</bdi></p>}
      <p class="muted small">
        {h.by && <><bdi>{h.by}</bdi> · </>}{m.heldSince(stamp(Date.parse(h.created)))} · {h.expires ? m.ends(stamp(Date.parse(h.expires))) : m.stays}
      </p>
      {asked && <p class="waits-badge" role="status"><Icon name="people" size={14} /> <b>{m.waits}</b> <span>{m.waitsFor(asked.by)}</span></p>}
      <div class="hold-tools">
        <button class="small" onClick={() => { wanted.value = undefined; look({ camera: h.camera, at: from }); }}><Icon name="play" size={11} /> {m.play}</button>
        {is("admin") && !asked && !removing.value && <button class="small danger" onClick={() => (removing.value = true)}>{m.remove}</button>}
      </div>
      {removing.value && !asked && <Removal h={h} done={() => (removing.value = false)} read={read} />}
    </li>
  );
}

/** Removal asks why before a hold ends. */
function Removal({ h, done, read }: { h: Hold; done: () => void; read: () => Promise<void> }): JSX.Element {
  const m = words.value;
  const task = useTask();
  const why = useSignal("");
  const remove = (e: SubmitEvent): void => {
    e.preventDefault();
    void task.run(() => send("DELETE", "holds/" + encodeURIComponent(h.id), { why: why.value.trim() }))
      .then(() => Promise.all([readHolds(), read()])).catch(() => undefined);
  };
  return (
    <form class="sure" onSubmit={remove}>
      <p>{m.removeText}{site.value?.two_persons && <> {m.removeTwo}</>}</p>
      <Text label={m.removeWhy} value={why.value} change={(v) => (why.value = v)} most={160} required focus />
      <Trouble of={task.trouble} />
      {!waits(task.trouble) && (
        <p class="form-foot">
          <button type="button" onClick={done}>{t.value.cancel}</button>
          <button type="submit" class="primary danger" disabled={task.busy || why.value.trim() === ""}>{m.remove}</button>
        </p>
      )}
    </form>
  );
}
