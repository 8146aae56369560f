import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import type { Signal } from "@preact/signals";
import { fixed, possible, roles, usual } from "../accounts";
import type { NewUser, Right, User } from "../accounts";
import { send } from "../api";
import { Dialog } from "../dialog";
import { t } from "../i18n";
import { Choice } from "../menu";
import { Text } from "../people/fields";
import { useTask } from "../task";
import type { Task } from "../task";
import { Trouble, waits } from "../trouble";
import { Picker } from "./picker";
import type { OneTime } from "./onetime";
import { words } from "./words";

const blank: NewUser = { name: "", display: "", role: "viewer", rights: [...usual.viewer], all: false, cameras: [], groups: [], language: "", disabled: false };

/** NewUserDrawer adds a user, whose one-time code is told to whoever opened it. */
export function NewUserDrawer({ close, told }: { close: () => void; told: (c: OneTime | undefined) => void }): JSX.Element {
  const m = words.value;
  const user = useSignal<NewUser>(blank);
  const task = useTask();
  const add = async (): Promise<void> => {
    const wanted = { ...user.value, name: user.value.name.trim() };
    const added = await task.run(async () => {
      const { user: made, code } = await send<{ user: User; code: string }>("POST", "users", wanted);
      told({ name: made.display || made.name, code });
    });
    if (added) close();
    else told(undefined); // it may wait for a second admin now
  };
  return (
    <Dialog title={m.newUser} close={close} drawer>
      <UserForm user={user} task={task} fresh submit={add} cancel={close} go={m.create} />
    </Dialog>
  );
}

interface FormProps {
  user: Signal<NewUser>;
  task: Task;
  /** a user that does not exist yet: the name can be chosen */
  fresh?: boolean;
  /** provider that decides on role, rights and cameras */
  provider?: string | undefined;
  submit: () => Promise<void>;
  cancel: () => void;
  go: string;
}

/** UserForm is what an admin says of a user. */
export function UserForm({ user, task, fresh, provider, submit, cancel, go }: FormProps): JSX.Element {
  const m = words.value;
  const u = user.value;
  const set = (change: Partial<NewUser>): void => void (user.value = { ...user.value, ...change });
  return (
    <form class="form user-form" onSubmit={(e) => { e.preventDefault(); void submit(); }}>
      {fresh && <Text label={m.userName} hint={m.userNameHint} value={u.name} change={(name) => set({ name })} most={64} required focus />}
      <Text label={m.display} hint={m.displayHint} value={u.display} change={(display) => set({ display })} most={128} />
      {provider ? <p class="note">{m.externalNote(provider)}</p> : <Grants u={u} set={set} />}
      <div class="field">
        <span class="label">{m.userLanguage}</span>
        <Choice<string> name={m.userLanguage} value={u.language} options={[["", m.languageSite], ["en", "English", "en"], ["ko", "한국어", "ko"]]} choose={(language) => set({ language })} />
      </div>
      <Trouble of={task.trouble} />
      <p class="form-foot sticky-foot">
        {waits(task.trouble) ? <button type="button" class="primary" onClick={cancel}>{m.done}</button> : (
          <>
            <button type="button" onClick={cancel}>{t.value.cancel}</button>
            <button type="submit" class="primary" disabled={task.busy}>{go}</button>
          </>
        )}
      </p>
    </form>
  );
}

/** Grants are role, rights and cameras. */
function Grants({ u, set }: { u: NewUser; set: (change: Partial<NewUser>) => void }): JSX.Element {
  const m = words.value;
  const toggle = (r: Right): void => set({ rights: u.rights.includes(r) ? u.rights.filter((x) => x !== r) : [...u.rights, r] });
  return (
    <>
      <fieldset class="field">
        <legend class="label">{m.roleLabel}</legend>
        <div class="role-cards">
          {roles.map((r) => (
            <label key={r} class={"role-card" + (u.role === r ? " on" : "")}>
              <input type="radio" name="role" value={r} checked={u.role === r} onChange={() => set({ role: r, rights: [...usual[r]], all: fixed(r) })} />
              <span><b>{t.value.role[r]}</b><span class="muted">{m.roleText[r]}</span></span>
            </label>
          ))}
        </div>
      </fieldset>
      <fieldset class="field">
        <legend class="label">{m.rightsLabel}</legend>
        <div class="checks">
          {possible[u.role].map((r) => (
            <label key={r} class="check-line">
              <input type="checkbox" checked={u.rights.includes(r)} disabled={fixed(u.role)} onChange={() => toggle(r)} />
              <span><b>{t.value.right[r]}</b> <span class="muted">{m.rightText[r]}</span></span>
            </label>
          ))}
        </div>
        {fixed(u.role) && <span class="hint">{m.rightsFixed}</span>}
      </fieldset>
      <fieldset class="field">
        <legend class="label">{m.camerasLabel}</legend>
        {fixed(u.role) ? <span class="hint">{m.camerasFixed}</span> : (
          <>
            <Choice<"all" | "chosen"> name={m.camerasLabel} value={u.all ? "all" : "chosen"} choose={(v) => set({ all: v === "all" })}
              options={[["all", m.allCameras], ["chosen", m.camerasChosen]]} />
            {!u.all && <Picker cameras={u.cameras} groups={u.groups} change={set} />}
          </>
        )}
      </fieldset>
    </>
  );
}
