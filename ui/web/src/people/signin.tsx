import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { address, send } from "../api";
import type { Session } from "../accounts";
import { Icon } from "../icons";
import { leaveNote } from "../memory";
import { changedSession, farewell, session } from "../session";
import { useTask } from "../task";
import { Trouble } from "../trouble";
import { Password, Text } from "./fields";
import { passkeysHere, provePasskey } from "./webauthn";
import { words } from "./words";

/** why the document before this one ended: known once, at the first look */
const said = farewell();

/** byPasskey signs in by a passkey alone, or proves it as the second factor. */
export async function byPasskey(): Promise<void> {
  const asked = await send<{ id: string; publicKey: Record<string, unknown> }>("POST", "session/passkey/begin", {});
  const credential = await provePasskey(asked.publicKey);
  changedSession(await send<Session>("POST", "session/passkey", { id: asked.id, credential }));
}

function Farewell(): JSX.Element | null {
  const m = words.value;
  if (said === "ended") return <div class="note warn" role="status"><Icon name="clock" size={18} /><div><strong>{m.ended}</strong><p>{m.endedText}</p></div></div>;
  if (said === "signed-out") return <div class="note" role="status"><Icon name="check" size={18} /><div>{m.signedOut}</div></div>;
  return null;
}

/** SignIn is the first step: name and password, a passkey, or a provider. */
export function SignIn(): JSX.Element {
  const m = words.value;
  const name = useSignal("");
  const password = useSignal("");
  const task = useTask();
  const signIn = async (e: Event): Promise<void> => {
    e.preventDefault();
    const done = await task.run(async () => changedSession(await send<Session>("POST", "session", { name: name.value.trim(), password: password.value })));
    if (!done) password.value = "";
  };
  const providers = session.value?.providers ?? [];
  return (
    <>
      <h1>{m.signIn}</h1>
      {task.trouble === undefined && !task.busy && <Farewell />}
      <form class="form" onSubmit={(e) => void signIn(e)}>
        <Text label={m.name} value={name.value} change={(v) => (name.value = v)} fill="username" most={256} required focus />
        <Password label={m.passwordOrCode} value={password.value} change={(v) => (password.value = v)} fill="current-password" />
        <Trouble of={task.trouble} />
        <button type="submit" class="primary wide" disabled={task.busy}>{m.signIn}</button>
      </form>
      {(passkeysHere || providers.length > 0) && <p class="divider"><span>{m.or}</span></p>}
      <div class="ways">
        {passkeysHere && <button class="wide" disabled={task.busy} onClick={() => void task.run(byPasskey)}><Icon name="key" /> {m.withPasskey}</button>}
        {providers.map((p) => (
          // A provider sends people back to the page's beginning: what they wanted is remembered here.
          <a key={p.id} class="button wide" href={address("sso/" + encodeURIComponent(p.id))} onClick={() => leaveNote("return", location.hash)}>
            <Icon name="people" /> {m.withProvider(p.name)}
          </a>
        ))}
      </div>
      <details class="forgot"><summary>{m.forgot}</summary><p>{m.forgotText}</p></details>
    </>
  );
}
