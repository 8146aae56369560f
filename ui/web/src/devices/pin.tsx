import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { Dialog } from "../dialog";
import { t } from "../i18n";
import { Field } from "../people/fields";
import { useTask } from "../task";
import { Trouble } from "../trouble";
import { pin } from "./sightings";
import type { Changed, NewDevice, Sighting } from "./sightings";
import { words } from "./words";

interface Props {
  list: Sighting[];
  revision: string;
  close: () => void;
  pinned: (c: Changed) => void;
}

/** Change is a part of what is wanted; no port takes the binding away. */
type Change = { id?: string; ip?: string; port?: string | undefined };

/** PinDialog asks for the ids, and for the addresses where there is a choice. */
export function PinDialog({ list, revision, close, pinned }: Props): JSX.Element {
  const m = words.value;
  // What was chosen and of which file is kept as it was: a list that goes on changing is none to decide on.
  const of = useSignal({ list, revision });
  const wanted = useSignal<NewDevice[]>(list.map((s) => ({ id: s.id ?? "", mac: s.mac, ip: s.ip ?? "" })));
  const task = useTask();
  const change = (mac: string, part: Change): void => {
    wanted.value = wanted.value.map((d) => {
      if (d.mac !== mac) return d;
      const { port, ...rest } = { ...d, ...part };
      return port === undefined ? rest : { ...rest, port };
    });
  };
  const submit = async (e: Event): Promise<void> => {
    e.preventDefault();
    let done: Changed | undefined;
    if (await task.run(async () => void (done = await pin(wanted.value, of.value.revision))) && done) pinned(done);
  };
  const n = wanted.value.length;
  return (
    <Dialog drawer close={close} title={m.pinTitle(n)}>
      <form class="form drawer-body" onSubmit={(e) => void submit(e)}>
        <p class="muted">{m.pinText}</p>
        {of.value.list.map((s, i) => <Fields key={s.mac} s={s} d={wanted.value[i]!} change={(part) => change(s.mac, part)} />)}
        <div class="sticky-foot">
          <Trouble of={task.trouble} />
          <p class="form-foot">
            <button type="button" onClick={close}>{t.value.cancel}</button>
            <button type="submit" class="primary" disabled={task.busy || wanted.value.some((d) => d.ip === "")}>{m.pinGo(n)}</button>
          </p>
        </div>
      </form>
    </Dialog>
  );
}

function Fields({ s, d, change }: { s: Sighting; d: NewDevice; change: (part: Change) => void }): JSX.Element {
  const m = words.value;
  const known = "seen-" + s.mac;
  const hint = s.addresses.length > 1 ? m.ipChoose : s.addresses.length === 0 ? m.ipNone : undefined;
  return (
    <fieldset class="pin-device">
      <legend><b class="mono">{s.mac}</b>{s.maker && <span class="muted"> · <bdi>{s.maker}</bdi></span>}{s.name && <span class="muted"> · <bdi>{s.name}</bdi></span>}</legend>
      {s.means.map((x) => <p key={x.code + (x.ip ?? "") + (x.mac ?? "")} class="means">{m.means(x)}</p>)}
      <div class="pin-fields">
        <Field label={m.idLabel}>
          {(id) => (
            <input id={id} type="text" value={d.id} pattern="[a-z0-9][a-z0-9\-]{0,62}" title={m.idHint} maxLength={63} required autocomplete="off" spellcheck={false} autocapitalize="none"
              onInput={(e) => change({ id: e.currentTarget.value })} />
          )}
        </Field>
        <Field label={m.ipLabel} hint={hint}>
          {(id, describedBy) => (
            <>
              <input id={id} type="text" class="mono" value={d.ip} list={known} required autocomplete="off" spellcheck={false} inputMode="decimal" aria-describedby={describedBy}
                onInput={(e) => change({ ip: e.currentTarget.value.trim() })} />
              <datalist id={known}>{s.addresses.map((a) => <option key={a.ip} value={a.ip}>{m.via[a.via] ?? a.via}</option>)}</datalist>
            </>
          )}
        </Field>
      </div>
      {s.addresses.length > 1 && (
        <p class="pin-choices">{s.addresses.map((a) => <button key={a.ip} type="button" class={"small mono" + (d.ip === a.ip ? " on" : "")} onClick={() => change({ ip: a.ip })}>{a.ip}</button>)}</p>
      )}
      {s.port && (
        <label class="check-line">
          <input type="checkbox" checked={d.port !== undefined} onChange={(e) => change({ port: e.currentTarget.checked ? s.port! : undefined })} />
          <span>{m.bind(s.port)} <span class="muted">{m.bindHint}</span></span>
        </label>
      )}
    </fieldset>
  );
}
