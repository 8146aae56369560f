import type { JSX } from "preact";
import type { SignIn, User } from "../accounts";
import { send } from "../api";
import { ago } from "../i18n";
import { Icon } from "../icons";
import { is, readSession } from "../session";
import { useTask } from "../task";
import { Trouble } from "../trouble";
import { now, shortStamp, stamp } from "../time";
import { useList } from "./list";
import { Loading, Section, Sure } from "./pieces";
import { words } from "./words";

/** browserOf tells browser and system of what a browser says of itself: a guess, for people. */
function browserOf(agent: string): string {
  const m = words.value;
  const first = (table: [RegExp, string][]): string | undefined => table.find(([is]) => is.test(agent))?.[1];
  const browser = first([[/Edg\//, "Edge"], [/OPR\//, "Opera"], [/Firefox\//, "Firefox"], [/SamsungBrowser\//, "Samsung Internet"], [/Chrom(e|ium)\//, "Chrome"], [/Safari\//, "Safari"], [/^curl\//, "curl"], [/^nvr\//, "nvr"]]);
  const system = first([[/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Windows/, "Windows"], [/Mac OS X/, "macOS"], [/CrOS/, "ChromeOS"], [/Linux/, "Linux"]]);
  if (browser && system) return m.browserOn(browser, system);
  return browser ?? (agent === "" ? m.unknownBrowser : agent.slice(0, 60));
}

/** methodText writes how somebody signed in: password + app. */
function methodText(method: string): string {
  const m = words.value;
  return method.split("+").map((part) => m.method[part] ?? part.replace(/^sso:/, "")).join(" + ");
}

function Row({ s, end }: { s: SignIn; end?: (() => void) | undefined }): JSX.Element {
  const m = words.value;
  const mobile = /Android|iPhone/.test(s.agent);
  return (
    <li class="sign-in" data-session={s.id}>
      <Icon name={mobile ? "phone" : "screen"} size={20} />
      <div class="sign-in-text">
        <p><b title={s.agent}>{browserOf(s.agent)}</b>{s.current && <span class="tag">{m.thisOne}</span>}{s.partial && <span class="warn-text small"> {m.partial}</span>}</p>
        <p class="muted small">
          <bdi>{s.ip}</bdi> · {methodText(s.method)} · <time title={stamp(Date.parse(s.created))}>{m.signedIn(shortStamp(Date.parse(s.created)))}</time>
          {" · "}<time title={stamp(Date.parse(s.seen))}>{m.seen(ago(now() - Date.parse(s.seen)))}</time>
        </p>
      </div>
      {end && <button class="small" onClick={end}>{m.end}</button>}
    </li>
  );
}

/** UserSessions are the sessions of a user, for an admin or auditor. */
export function UserSessions({ user }: { user: User }): JSX.Element {
  const m = words.value;
  const path = `users/${user.id}/sessions`;
  const list = useList<SignIn>(path, "sessions");
  return (
    <div class="in-drawer">
      <div class="section-head"><h3>{m.sessions}{list.rows && list.rows.length > 0 && ` (${list.rows.length})`}</h3></div>
      {!list.rows && <Loading trouble={list.trouble} again={list.read} />}
      {list.rows?.length === 0 && <p class="muted small">{m.noSessions}</p>}
      <ul class="sign-ins">{list.rows?.map((s) => <Row key={s.id} s={s} />)}</ul>
      {is("admin") && (list.rows ?? []).some((s) => !s.current) && (
        <Sure icon="leave" small name={m.endAll} text={m.endAllText} act={async () => {
          await send("DELETE", path);
          await list.read();
        }} />
      )}
    </div>
  );
}

/** OwnSessions are one's own: this one is marked, the others can be ended. */
export function OwnSessions(): JSX.Element {
  const m = words.value;
  const list = useList<SignIn>("account/sessions", "sessions", 30_000);
  const task = useTask();
  const end = (s: SignIn): Promise<boolean> => task.run(async () => {
    await send("DELETE", "account/sessions/" + s.id);
    await (s.current ? readSession() : list.read());
  });
  const rows = [...(list.rows ?? [])].sort((a, b) => Number(b.current) - Number(a.current));
  const others = rows.filter((s) => !s.current);
  return (
    <Section id="sessions" title={m.sessions}>
      {!list.rows && <Loading trouble={list.trouble} again={list.read} />}
      <ul class="sign-ins">{rows.map((s) => <Row key={s.id} s={s} end={s.current ? undefined : () => void end(s)} />)}</ul>
      <Trouble of={task.trouble} />
      {others.length > 1 && (
        <Sure icon="leave" small name={m.endOthers} text={m.endOthersText} act={async () => {
          for (const s of others) await send("DELETE", "account/sessions/" + s.id);
          await list.read();
        }} />
      )}
    </Section>
  );
}
