import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { send } from "../api";
import { called } from "../accounts";
import type { Session } from "../accounts";
import { Icon } from "../icons";
import type { IconName } from "../icons";
import { changedSession, session } from "../session";
import { useTask } from "../task";
import { Trouble } from "../trouble";
import { EnrolApp, EnrolPasskey } from "./enrol";
import { Code, NewPassword } from "./fields";
import { byPasskey } from "./signin";
import { passkeysHere } from "./webauthn";
import { words } from "./words";

/** Other ends the sign-in that is not complete, for whoever is not that person. */
function Other(): JSX.Element {
  const task = useTask();
  return (
    <>
      <p class="other"><button class="link muted" onClick={() => void task.run(async () => changedSession(await send<Session>("DELETE", "session")))}>{words.value.otherPerson}</button></p>
      <Trouble of={task.trouble} />
    </>
  );
}

/** SecondFactor asks for the second proof: a code, or a passkey. */
export function SecondFactor(): JSX.Element {
  const m = words.value;
  const need = session.value?.need ?? [];
  const byCode = useSignal(need.includes("totp"));
  const code = useSignal("");
  const task = useTask();
  const prove = async (): Promise<void> => {
    const right = await task.run(async () => changedSession(await send<Session>("POST", "session/totp", { code: code.value })));
    if (!right) code.value = "";
  };
  const u = session.value?.user;
  return (
    <>
      <h1>{m.secondTitle}</h1>
      {u && <p class="lead">{m.secondText(called(u))}</p>}
      {byCode.value ? (
        <form class="form" onSubmit={(e) => { e.preventDefault(); void prove(); }}>
          <Code label={m.code} hint={m.codeHint} value={code.value} change={(v) => (code.value = v)} full={() => void prove()} focus />
          <Trouble of={task.trouble} />
          <button type="submit" class="primary wide" disabled={task.busy}>{m.confirm}</button>
        </form>
      ) : (
        <div class="form">
          <p class="muted">{passkeysHere ? m.passkeyStep : m.passkeysNotHere}</p>
          <Trouble of={task.trouble} />
          <button class="primary wide" disabled={task.busy || !passkeysHere} onClick={() => void task.run(byPasskey)}><Icon name="key" /> {m.usePasskey}</button>
        </div>
      )}
      {need.includes("totp") && need.includes("passkey") && (
        <p class="other">
          <button class="link" onClick={() => { byCode.value = !byCode.value; task.clear(); }}>{byCode.value ? m.usePasskey : m.useCode}</button>
        </p>
      )}
      <Other />
    </>
  );
}

/** Enrol has a person set up the second factor that their role must have. */
export function Enrol(): JSX.Element {
  const m = words.value;
  const way = useSignal<"app" | "passkey" | undefined>(undefined);
  const back = (): void => void (way.value = undefined);
  const Way = ({ icon, is, name, text }: { icon: IconName; is: "app" | "passkey"; name: string; text: string }): JSX.Element => (
    <button class="way" onClick={() => (way.value = is)} disabled={is === "passkey" && !passkeysHere}>
      <Icon name={icon} size={22} />
      <span><strong>{name}</strong><span class="muted">{is === "passkey" && !passkeysHere ? m.passkeysNotHere : text}</span></span>
      <Icon name="chevron" size={14} />
    </button>
  );
  return (
    <>
      <h1>{m.enrolTitle}</h1>
      <p class="lead">{m.enrolText}</p>
      {way.value === undefined && (
        <div class="ways">
          <Way icon="phone" is="app" name={m.enrolApp} text={m.enrolAppText} />
          <Way icon="key" is="passkey" name={m.enrolKey} text={m.enrolKeyText} />
        </div>
      )}
      {way.value === "app" && <EnrolApp password={false} done={back} back={back} />}
      {way.value === "passkey" && <EnrolPasskey password={false} done={back} back={back} number={1} />}
      <Other />
    </>
  );
}

/** ChoosePassword follows a sign-in by a one-time code. */
export function ChoosePassword(): JSX.Element {
  const m = words.value;
  const password = useSignal("");
  const task = useTask();
  const save = async (e: Event): Promise<void> => {
    e.preventDefault();
    await task.run(async () => changedSession(await send<Session>("PUT", "account/password", { old: "", new: password.value })));
  };
  return (
    <>
      <h1>{m.choosePassword}</h1>
      <p class="lead">{m.choosePasswordText}</p>
      <form class="form" onSubmit={(e) => void save(e)}>
        {/* for the browser's own store of passwords */}
        <input type="hidden" autocomplete="username" value={session.value?.user?.name ?? ""} />
        <NewPassword label={m.newPassword} value={password.value} change={(v) => (password.value = v)} focus />
        <Trouble of={task.trouble} />
        <button type="submit" class="primary wide" disabled={task.busy}>{m.savePassword}</button>
      </form>
      <Other />
    </>
  );
}
