import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { send } from "../api";
import type { Session } from "../accounts";
import { Icon } from "../icons";
import { changedSession } from "../session";
import { useTask } from "../task";
import { Trouble } from "../trouble";
import { Code, Password, Text } from "./fields";
import { QR } from "./qr";
import { Secret } from "./secret";
import { makePasskey, passkeysHere } from "./webauthn";
import { words } from "./words";

interface EnrolProps {
  /** whether the password is asked again; a session that must enrol has just proved it */
  password: boolean;
  done: () => void;
  back: () => void;
}

/** EnrolApp sets up a generator of codes. */
export function EnrolApp({ password, done, back }: EnrolProps): JSX.Element {
  const m = words.value;
  const task = useTask();
  const typed = useSignal("");
  const code = useSignal("");
  const made = useSignal<{ secret: string; uri: string } | undefined>(undefined);
  const begin = (): Promise<boolean> => task.run(async () => {
    made.value = await send<{ secret: string; uri: string }>("POST", "account/totp", { password: typed.value });
  });
  useEffect(() => void (password || begin()), []);
  const confirm = async (): Promise<void> => {
    const right = await task.run(async () => changedSession(await send<Session>("PUT", "account/totp", { code: code.value })));
    if (right) done();
    else code.value = "";
  };
  if (!made.value) {
    return (
      <form class="form" onSubmit={(e) => { e.preventDefault(); void begin(); }}>
        {password && <Password label={m.yourPassword} hint={m.yourPasswordWhy} value={typed.value} change={(v) => (typed.value = v)} fill="current-password" focus />}
        <Trouble of={task.trouble} />
        <Foot back={back} go={m.goOn} busy={task.busy} />
      </form>
    );
  }
  return (
    <form class="form" onSubmit={(e) => { e.preventDefault(); void confirm(); }}>
      <div class="scan">
        <QR text={made.value.uri} name={m.scanAlt} />
        <div>
          <p class="label">{m.scan}</p>
          <p class="label lower">{m.typeKey}</p>
          <Secret name={m.typeKey} text={made.value.secret} shown={made.value.secret.replace(/(.{4})(?=.)/g, "$1 ")} />
        </div>
      </div>
      <Code label={m.typeCode} hint={m.codeHint} value={code.value} change={(v) => (code.value = v)} full={() => void confirm()} focus />
      <Trouble of={task.trouble} />
      <Foot back={back} go={m.turnOn} busy={task.busy} />
    </form>
  );
}

/** EnrolPasskey adds a passkey of this device or of a key that is plugged in. */
export function EnrolPasskey({ password, done, back, number }: EnrolProps & { number: number }): JSX.Element {
  const m = words.value;
  const task = useTask();
  const typed = useSignal("");
  const name = useSignal(m.keyNameDefault(number));
  const add = async (e: Event): Promise<void> => {
    e.preventDefault();
    const added = await task.run(async () => {
      const asked = await send<{ id: string; publicKey: Record<string, unknown> }>("POST", "account/passkeys/begin", { password: typed.value });
      const credential = await makePasskey(asked.publicKey);
      changedSession(await send<Session>("POST", "account/passkeys", { id: asked.id, name: name.value.trim(), credential }));
    });
    if (added) done();
  };
  return (
    <form class="form" onSubmit={(e) => void add(e)}>
      {!passkeysHere && <p class="note">{m.passkeysNotHere}</p>}
      <Text label={m.keyName} hint={m.keyNameHint} value={name.value} change={(v) => (name.value = v)} most={64} required focus={!password} />
      {password && <Password label={m.yourPassword} hint={m.yourPasswordWhy} value={typed.value} change={(v) => (typed.value = v)} fill="current-password" focus />}
      <Trouble of={task.trouble} />
      {task.busy && <p class="muted small" role="status">{m.passkeyWaiting}</p>}
      <Foot back={back} go={m.addKey} busy={task.busy || !passkeysHere} />
    </form>
  );
}

function Foot({ back, go, busy }: { back: () => void; go: string; busy: boolean }): JSX.Element {
  return (
    <p class="form-foot">
      <button type="button" onClick={back}>{words.value.back}</button>
      <button type="submit" class="primary" disabled={busy}>{go} <Icon name="forward" size={13} /></button>
    </p>
  );
}
