import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import type { Passkey, User } from "../accounts";
import { send } from "../api";
import { ago, t } from "../i18n";
import { Icon } from "../icons";
import { EnrolApp, EnrolPasskey } from "../people/enrol";
import { Password, Text } from "../people/fields";
import { words as people } from "../people/words";
import { readSession } from "../session";
import { useTask } from "../task";
import { now, stamp } from "../time";
import { Trouble } from "../trouble";
import { Section } from "./pieces";
import { words } from "./words";

/** App is the generator of codes of an account. */
export function App({ u }: { u: User }): JSX.Element {
  const m = words.value;
  const doing = useSignal<"add" | "remove" | undefined>(undefined);
  const done = (): void => void (doing.value = undefined);
  return (
    <Section id="authenticator" title={m.appTitle} text={m.appText} tools={
      <span class="section-tools">
        <span class={"state " + (u.has_totp ? "ok" : "plain")}>{u.has_totp ? m.appOn : m.appOff}</span>
        {doing.value === undefined && (u.has_totp
          ? <button onClick={() => (doing.value = "remove")}>{m.appRemove}</button>
          : <button onClick={() => (doing.value = "add")}>{m.appSetUp}</button>)}
      </span>
    }>
      {doing.value === "add" && <EnrolApp password={u.has_password} done={done} back={done} />}
      {doing.value === "remove" && <RemoveApp u={u} done={done} />}
    </Section>
  );
}

function RemoveApp({ u, done }: { u: User; done: () => void }): JSX.Element {
  const m = words.value;
  const password = useSignal("");
  const task = useTask();
  const remove = async (e: Event): Promise<void> => {
    e.preventDefault();
    const removed = await task.run(async () => {
      await send("DELETE", "account/totp", { password: password.value });
      await readSession();
    });
    if (removed) done();
  };
  return (
    <form class="form" onSubmit={(e) => void remove(e)}>
      <p class="muted small">{m.appRemoveText}</p>
      {u.has_password && <Password label={people.value.yourPassword} value={password.value} change={(v) => (password.value = v)} fill="current-password" focus />}
      <Trouble of={task.trouble} />
      <p class="form-foot">
        <button type="button" onClick={done}>{t.value.cancel}</button>
        <button type="submit" class="danger" disabled={task.busy}>{m.appRemove}</button>
      </p>
    </form>
  );
}

/** Passkeys are those of an account. */
export function Passkeys({ u }: { u: User }): JSX.Element {
  const m = words.value;
  const adding = useSignal(false);
  const done = (): void => void (adding.value = false);
  return (
    <Section id="passkeys" title={m.passkeysTitle} text={m.passkeysText}
      tools={!adding.value && <button onClick={() => (adding.value = true)}><Icon name="plus" size={14} /> {m.addPasskey}</button>}>
      {adding.value && <EnrolPasskey password={u.has_password} done={done} back={done} number={u.passkeys.length + 1} />}
      {u.passkeys.length === 0 && !adding.value && <p class="muted small">{m.passkeysNone}</p>}
      {u.passkeys.length > 0 && <ul class="sign-ins">{u.passkeys.map((k) => <Key key={k.id} k={k} asks={u.has_password} />)}</ul>}
    </Section>
  );
}

interface KeyProps {
  k: Passkey;
  /** the account has a password, which is asked again before the passkey goes */
  asks: boolean;
}

function Key({ k, asks }: KeyProps): JSX.Element {
  const m = words.value;
  const doing = useSignal<"rename" | "remove" | undefined>(undefined);
  const done = (): void => void (doing.value = undefined);
  if (doing.value === "rename") return <li class="sign-in" data-passkey={k.name}><Rename k={k} done={done} /></li>;
  if (doing.value === "remove") return <li class="sign-in" data-passkey={k.name}><RemoveKey k={k} asks={asks} done={done} /></li>;
  return (
    <li class="sign-in" data-passkey={k.name}>
      <Icon name="key" size={20} />
      <div class="sign-in-text">
        <p><b><bdi>{k.name}</bdi></b></p>
        <p class="muted small">
          <time title={stamp(Date.parse(k.created))}>{m.added(ago(now() - Date.parse(k.created)))}</time>
          {" · "}{k.last_used ? m.used(ago(now() - Date.parse(k.last_used))) : m.neverUsed}
        </p>
      </div>
      <button class="small" onClick={() => (doing.value = "rename")}>{m.rename}</button>
      <button class="danger small" onClick={() => (doing.value = "remove")}>{m.remove}</button>
    </li>
  );
}

function RemoveKey({ k, asks, done }: KeyProps & { done: () => void }): JSX.Element {
  const m = words.value;
  const password = useSignal("");
  const task = useTask();
  const remove = async (e: Event): Promise<void> => {
    e.preventDefault();
    const removed = await task.run(async () => {
      await send("DELETE", "account/passkeys/" + encodeURIComponent(k.id), { password: password.value });
      await readSession();
    });
    if (removed) done();
  };
  return (
    <form class="form rename" onSubmit={(e) => void remove(e)}>
      <p class="muted small"><b><bdi>{k.name}</bdi></b> · {m.removePasskeyText}</p>
      {asks && <Password label={people.value.yourPassword} value={password.value} change={(v) => (password.value = v)} fill="current-password" focus />}
      <Trouble of={task.trouble} />
      <p class="form-foot">
        <button type="button" onClick={done}>{t.value.cancel}</button>
        <button type="submit" class="danger" disabled={task.busy}>{m.remove}</button>
      </p>
    </form>
  );
}

function Rename({ k, done }: { k: Passkey; done: () => void }): JSX.Element {
  const m = words.value;
  const name = useSignal(k.name);
  const task = useTask();
  const save = async (e: Event): Promise<void> => {
    e.preventDefault();
    const saved = await task.run(async () => {
      await send("PUT", "account/passkeys/" + encodeURIComponent(k.id), { name: name.value.trim() });
      await readSession();
    });
    if (saved) done();
  };
  return (
    <form class="form rename" onSubmit={(e) => void save(e)}>
      <Text label={people.value.keyName} value={name.value} change={(v) => (name.value = v)} most={64} required focus />
      <Trouble of={task.trouble} />
      <p class="form-foot">
        <button type="button" onClick={done}>{t.value.cancel}</button>
        <button type="submit" class="primary" disabled={task.busy}>{m.save}</button>
      </p>
    </form>
  );
}
