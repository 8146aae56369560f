import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { fixed } from "../accounts";
import type { Right, Token, User } from "../accounts";
import { send } from "../api";
import { Dialog } from "../dialog";
import { ago, t } from "../i18n";
import { Icon } from "../icons";
import { Choice } from "../menu";
import { Password, Text } from "../people/fields";
import { Secret } from "../people/secret";
import { words as people } from "../people/words";
import { is } from "../session";
import { useTask } from "../task";
import { day, now, second, stamp } from "../time";
import { Trouble } from "../trouble";
import { useList } from "./list";
import { Loading, Section, Sure } from "./pieces";
import { Picker } from "./picker";
import { words } from "./words";

const dayLength = 86_400_000;

/** Tokens are what programs come in by, as the person who made them and with less. */
export function Tokens({ u }: { u: User }): JSX.Element {
  const m = words.value;
  const list = useList<Token>("account/tokens", "tokens");
  const adding = useSignal(false);
  const made = useSignal<{ name: string; secret: string } | undefined>(undefined);
  return (
    <Section id="tokens" title={m.tokens} text={m.tokensText}
      tools={<button onClick={() => (adding.value = true)}><Icon name="plus" size={14} /> {m.addToken}</button>}>
      {!list.rows && <Loading trouble={list.trouble} again={list.read} />}
      {list.rows?.length === 0 && <p class="muted small">{m.tokensNone}</p>}
      <ul class="sign-ins">{list.rows?.map((k) => <Row key={k.id} k={k} read={list.read} />)}</ul>
      {adding.value && <NewToken u={u} close={() => (adding.value = false)} done={(name, secret) => { made.value = { name, secret }; void list.read(); }} />}
      {made.value && (
        <Dialog title={m.tokenMade} close={() => (made.value = undefined)} kept>
          <div class="form">
            <p><b><bdi>{made.value.name}</bdi></b></p>
            <Secret name={m.tokenMade} text={made.value.secret} />
            <div class="note warn"><Icon name="warn" size={18} /><div>{m.tokenOnce}</div></div>
            <p class="form-foot"><button class="primary" onClick={() => (made.value = undefined)}>{m.done}</button></p>
          </div>
        </Dialog>
      )}
    </Section>
  );
}

/** UserTokens are the tokens of a user, for an admin or auditor. */
export function UserTokens({ user }: { user: User }): JSX.Element {
  const m = words.value;
  const path = `users/${user.id}/tokens`;
  const list = useList<Token>(path, "tokens");
  const count = list.rows?.length ?? 0;
  return (
    <div class="in-drawer" id="user-tokens">
      <div class="section-head"><h3>{m.tokens}{count > 0 && ` (${count})`}</h3></div>
      {!list.rows && <Loading trouble={list.trouble} again={list.read} />}
      {list.rows?.length === 0 && <p class="muted small">{m.tokensNone}</p>}
      <ul class="sign-ins">{list.rows?.map((k) => <Row key={k.id} k={k} theirs />)}</ul>
      {is("admin") && count > 0 && (
        <Sure icon="plug" small name={m.endTokens} text={m.endTokensText} act={async () => {
          await send("DELETE", path);
          await list.read();
        }} />
      )}
    </div>
  );
}

interface RowProps {
  k: Token;
  /** reads the list again; without it, the token cannot be removed here */
  read?: () => Promise<void>;
  /** somebody else's */
  theirs?: boolean;
}

function Row({ k, read, theirs }: RowProps): JSX.Element {
  const m = words.value;
  const over = Date.parse(k.expires) <= second.value;
  const scope = [
    ...k.rights.map((r) => t.value.right[r]), ...(k.reads ? [m.tokenReads] : []),
    k.cameras && k.cameras.length > 0 ? m.cameras(k.cameras.length) : theirs ? m.tokenAllTheirs : m.tokenAllMine,
  ];
  return (
    <li class={"sign-in" + (over ? " off" : "")} data-token={k.name}>
      <Icon name="plug" size={20} />
      <div class="sign-in-text">
        <p><b><bdi>{k.name}</bdi></b></p>
        <p class="muted small">{scope.join(" · ")}</p>
        <p class="muted small">
          <time title={stamp(Date.parse(k.expires))} class={over ? "warn-text" : ""}>{over ? m.tokenExpired : m.expires(day(Date.parse(k.expires)))}</time>
          {" · "}{k.last_used ? m.used(ago(now() - Date.parse(k.last_used))) : m.neverUsed}
        </p>
      </div>
      {read && (
        <Sure small danger name={m.remove} text={m.tokenRemoveText} act={async () => {
          await send("DELETE", "account/tokens/" + encodeURIComponent(k.id));
          await read();
        }} />
      )}
    </li>
  );
}

function NewToken({ u, close, done }: { u: User; close: () => void; done: (name: string, secret: string) => void }): JSX.Element {
  const m = words.value;
  const name = useSignal("");
  const rights = useSignal<Right[]>(u.rights.filter((r) => r === "live" || r === "playback"));
  const reads = useSignal(false);
  const some = useSignal(false);
  const cameras = useSignal<string[]>([]);
  const foreign = u.source !== "local"; // a sign-on provider's word holds for a week
  const days = useSignal(foreign ? "7" : "90");
  const password = useSignal("");
  const task = useTask();
  const create = async (e: Event): Promise<void> => {
    e.preventDefault();
    // A minute less: the recorder's clock may be a little ahead of what we know of it.
    const expires = new Date(now() + Number(days.value) * dayLength - 60_000).toISOString();
    const body = { name: name.value.trim(), rights: rights.value, cameras: some.value ? cameras.value : [], reads: reads.value, expires, password: password.value };
    const made = await task.run(async () => {
      const { token, secret } = await send<{ token: Token; secret: string }>("POST", "account/tokens", body);
      done(token.name, secret);
    });
    if (made) close();
  };
  const toggle = (r: Right): void => void (rights.value = rights.value.includes(r) ? rights.value.filter((x) => x !== r) : [...rights.value, r]);
  return (
    <Dialog title={m.newToken} close={close} drawer>
      <form class="form user-form" onSubmit={(e) => void create(e)}>
        <Text label={m.tokenName} value={name.value} change={(v) => (name.value = v)} most={64} required focus />
        <fieldset class="field">
          <legend class="label">{m.tokenRights}</legend>
          <div class="checks">
            {u.rights.map((r) => (
              <label key={r} class="check-line"><input type="checkbox" checked={rights.value.includes(r)} onChange={() => toggle(r)} /><span><b>{t.value.right[r]}</b> <span class="muted">{m.rightText[r]}</span></span></label>
            ))}
            {fixed(u.role) && (
              <label class="check-line"><input type="checkbox" checked={reads.value} onChange={() => (reads.value = !reads.value)} /><span><b>{m.tokenReads}</b> <span class="muted">{m.tokenReadsText}</span></span></label>
            )}
          </div>
        </fieldset>
        <fieldset class="field">
          <legend class="label">{m.tokenCameras}</legend>
          <Choice<"all" | "some"> name={m.tokenCameras} value={some.value ? "some" : "all"} options={[["all", m.tokenAllMine], ["some", m.camerasHead]]} choose={(v) => (some.value = v === "some")} />
          {some.value && <Picker cameras={cameras.value} change={(to) => (cameras.value = to.cameras ?? [])} />}
        </fieldset>
        <div class="field">
          <span class="label">{m.tokenExpires}</span>
          <Choice<string> name={m.tokenExpires} value={days.value} choose={(v) => (days.value = v)}
            options={foreign ? [["1", m.tokenDays(1)], ["7", m.tokenDays(7)]] : [["7", m.tokenDays(7)], ["30", m.tokenDays(30)], ["90", m.tokenDays(90)], ["365", m.tokenYear]]} />
          <span class="hint">{day(now() + Number(days.value) * dayLength)}</span>
        </div>
        {u.has_password && <Password label={people.value.yourPassword} hint={people.value.yourPasswordWhy} value={password.value} change={(v) => (password.value = v)} fill="current-password" />}
        <Trouble of={task.trouble} />
        <p class="form-foot sticky-foot">
          <button type="button" onClick={close}>{t.value.cancel}</button>
          <button type="submit" class="primary" disabled={task.busy || (some.value && cameras.value.length === 0)}>{m.addToken}</button>
        </p>
      </form>
    </Dialog>
  );
}
