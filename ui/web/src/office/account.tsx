import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { called } from "../accounts";
import type { Session, User } from "../accounts";
import { send } from "../api";
import { t } from "../i18n";
import { Icon } from "../icons";
import { Avatar, LanguageChoice, prefer, ThemeChoice } from "../menu";
import { NewPassword, Password, Text } from "../people/fields";
import { changedSession, me } from "../session";
import { useTask } from "../task";
import { Trouble } from "../trouble";
import { App, Passkeys } from "./factors";
import { Head, RoleBadge, Section } from "./pieces";
import { OwnSessions } from "./signins";
import { Tokens } from "./tokens";
import { camerasOf } from "./users";
import { words } from "./words";

/** Account is the page of what is one's own. */
export function Account(): JSX.Element | null {
  const m = words.value;
  const u = me.value;
  if (!u) return null;
  return (
    <>
      <Head title={m.account} />
      <div class="account">
        <div class="column">
          <Profile u={u} />
          {u.source === "local" && <ChangePassword u={u} />}
          <App u={u} />
          <Passkeys u={u} />
        </div>
        <div class="column">
          <OwnSessions />
          <Tokens u={u} />
        </div>
      </div>
    </>
  );
}

function Profile({ u }: { u: User }): JSX.Element {
  const m = words.value;
  const display = useSignal(u.display);
  const task = useTask();
  const saved = useSignal(false);
  const save = async (e: Event): Promise<void> => {
    e.preventDefault();
    saved.value = await task.run(() => prefer({ display: display.value.trim() }));
  };
  return (
    <Section id="profile" title={m.profile}>
      <div class="profile-head">
        <Avatar user={u} size="big" />
        <div>
          <p class="profile-name"><b><bdi>{called(u)}</bdi></b> <RoleBadge role={u.role} /></p>
          <p class="muted small"><bdi>{u.name}</bdi></p>
        </div>
      </div>
      {u.source !== "local" && <p class="note">{m.profileSource(u.source)}</p>}
      <form class="form" onSubmit={(e) => void save(e)}>
        <div class="with-action">
          <Text label={m.display} hint={m.displayHint} value={display.value} change={(v) => { display.value = v; saved.value = false; }} most={128} fill="name" />
          <button type="submit" disabled={task.busy || display.value.trim() === u.display}>{m.save}</button>
        </div>
        {saved.value && <p class="ok-text small" role="status"><Icon name="check" size={13} /> {m.saved}</p>}
        <Trouble of={task.trouble} />
      </form>
      <dl class="lines">
        <div><dt>{t.value.language}</dt><dd><LanguageChoice /></dd></div>
        <div><dt>{t.value.theme}</dt><dd><ThemeChoice /></dd></div>
        <div><dt>{m.yourCameras}</dt><dd>{camerasOf(u)}</dd></div>
        <div><dt>{m.yourRights}</dt><dd><span class="rights">{u.rights.map((r) => <span key={r} class="pill">{t.value.right[r]}</span>)}</span></dd></div>
      </dl>
    </Section>
  );
}

function ChangePassword({ u }: { u: User }): JSX.Element {
  const m = words.value;
  const open = useSignal(false);
  const changed = useSignal(false);
  const old = useSignal("");
  const fresh = useSignal("");
  const task = useTask();
  const close = (): void => {
    open.value = false;
    old.value = fresh.value = "";
    task.clear();
  };
  const change = async (e: Event): Promise<void> => {
    e.preventDefault();
    changed.value = await task.run(async () => changedSession(await send<Session>("PUT", "account/password", { old: old.value, new: fresh.value })));
    if (changed.value) close();
  };
  return (
    <Section id="password" title={m.passwordTitle} text={u.has_password ? m.passwordText : m.passwordNone}
      tools={!open.value && <button onClick={() => { open.value = true; changed.value = false; }}>{m.changePassword}</button>}>
      {changed.value && <div class="note good" role="status"><Icon name="check" size={18} /><div>{m.passwordChanged}</div></div>}
      {open.value && (
        <form class="form" onSubmit={(e) => void change(e)}>
          <input type="hidden" autocomplete="username" value={u.name} />
          {u.has_password && <Password label={m.oldPassword} value={old.value} change={(v) => (old.value = v)} fill="current-password" focus />}
          <NewPassword label={m.changePassword} value={fresh.value} change={(v) => (fresh.value = v)} />
          <Trouble of={task.trouble} />
          <p class="form-foot">
            <button type="button" onClick={close}>{t.value.cancel}</button>
            <button type="submit" class="primary" disabled={task.busy}>{m.changePassword}</button>
          </p>
        </form>
      )}
    </Section>
  );
}
