import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { send } from "../api";
import type { Session } from "../accounts";
import { language } from "../i18n";
import { LanguageChoice } from "../menu";
import { changedSession, readSession } from "../session";
import { useTask } from "../task";
import { Trouble } from "../trouble";
import { Problem } from "../api";
import { NewPassword, Text } from "./fields";
import { words } from "./words";

/** Setup makes the first admin, with the code that only who can see the recorder's terminal or log knows. */
export function Setup(): JSX.Element {
  const m = words.value;
  const code = useSignal("");
  const name = useSignal("");
  const password = useSignal("");
  const task = useTask();
  const create = async (e: Event): Promise<void> => {
    e.preventDefault();
    await task.run(async () => {
      const body = { code: code.value.trim(), name: name.value.trim(), password: password.value, language: language.value };
      try {
        changedSession(await send<Session>("POST", "setup", body));
      } catch (e) {
        if (e instanceof Problem && e.status === 409) void readSession(); // somebody else was first
        throw e;
      }
    });
  };
  return (
    <>
      <h1>{m.setupTitle}</h1>
      <p class="lead">{m.setupText}</p>
      <form class="form" onSubmit={(e) => void create(e)}>
        <Text label={m.setupCode} hint={m.setupCodeHint} value={code.value} change={(v) => (code.value = v.toUpperCase())} most={64} required focus mono />
        <Text label={m.setupName} value={name.value} change={(v) => (name.value = v)} fill="username" most={64} required />
        <NewPassword label={m.password} value={password.value} change={(v) => (password.value = v)} />
        <div class="field"><span class="label">{m.setupLanguage}</span><LanguageChoice /></div>
        <Trouble of={task.trouble} />
        <button type="submit" class="primary wide" disabled={task.busy}>{m.setupDo}</button>
      </form>
    </>
  );
}
