import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { send } from "./api";
import { called } from "./accounts";
import type { User } from "./accounts";
import { choose, language, t } from "./i18n";
import type { Language } from "./i18n";
import { Icon } from "./icons";
import type { IconName } from "./icons";
import { link, page } from "./route";
import type { Page } from "./route";
import { me, reads, session, signOut } from "./session";
import { setTheme, theme } from "./theme";
import type { Theme } from "./theme";

/** Avatar is a disc with the beginning of a name: decoration beside the name itself. */
export function Avatar({ user, size = "" }: { user: { name: string; display: string }; size?: "" | "big" }): JSX.Element {
  const words = called(user).trim().split(/[\s._@-]+/).filter(Boolean);
  const first = [...(words[0] ?? "?")];
  // Two letters of one Korean name say more than one of it.
  const letters = words.length > 1 ? first[0]! + [...words[words.length - 1]!][0]! : first.slice(0, 2).join("");
  let hue = 0;
  for (const c of user.name) hue = (hue * 31 + c.codePointAt(0)!) % 6;
  return <span class={`avatar hue-${hue} ${size}`} aria-hidden="true">{letters.toUpperCase()}</span>;
}

type Preferences = Pick<User, "display" | "language" | "theme">;

/** the choice that is being kept: the next one waits, for each is sent with all the others */
let keeping: Promise<unknown> = Promise.resolve();

/** prefer keeps a choice of the person at the recorder, so that it holds at every browser. */
export function prefer(change: Partial<Preferences>): Promise<void> {
  const kept = keeping.then(() => keep(change));
  keeping = kept.catch(() => undefined);
  return kept;
}

async function keep(change: Partial<Preferences>): Promise<void> {
  const u = me.peek();
  if (!u) return;
  const body: Preferences = { display: u.display, language: u.language, theme: u.theme, ...change };
  const fresh = await send<User>("PUT", "account", body);
  const s = session.peek();
  if (s && me.peek()) session.value = { ...s, user: fresh };
}

/** Choice is a row of buttons of which one is on. */
export function Choice<T extends string>({ name, value, options, choose }: {
  name: string;
  value: T | undefined;
  options: readonly (readonly [T, string, string?])[];
  choose: (v: T) => void;
}): JSX.Element {
  return (
    <div class="segmented" role="group" aria-label={name}>
      {options.map(([v, text, lang]) => <button key={v} type="button" lang={lang} aria-pressed={value === v} onClick={() => choose(v)}>{text}</button>)}
    </div>
  );
}

/** LanguageChoice and ThemeChoice hold at this browser at once, and at the account once it knows. */
export function LanguageChoice(): JSX.Element {
  return (
    <Choice<Language> name={t.value.language} value={language.value} options={[["en", "English", "en"], ["ko", "한국어", "ko"]]}
      choose={(l) => { choose(l); void prefer({ language: l }).catch(() => undefined); }} />
  );
}

export function ThemeChoice(): JSX.Element {
  const m = t.value;
  return (
    <Choice<Theme> name={m.theme} value={theme.value} options={[["auto", m.themes.auto], ["light", m.themes.light], ["dark", m.themes.dark]]}
      choose={(v) => { setTheme(v); void prefer({ theme: v }).catch(() => undefined); }} />
  );
}

/** UserMenu is who is signed in, and what they can do about it. */
export function UserMenu({ user }: { user: User }): JSX.Element {
  const m = t.value;
  const panel = useRef<HTMLDivElement>(null);
  const failed = useSignal(false);
  const to = (p: Page, icon: IconName, name: string): JSX.Element => (
    <a class="item" href={link(p)} aria-current={page.value === p ? "page" : undefined} onClick={() => panel.current?.hidePopover()}><Icon name={icon} /> {name}</a>
  );
  return (
    <div class="who">
      <button class="quiet who-button" popovertarget="user-menu" aria-label={m.menuOf(called(user))}>
        <Avatar user={user} />
        <span class="who-name"><bdi>{called(user)}</bdi></span>
        <Icon name="down" size={13} />
      </button>
      <div id="user-menu" class="menu" popover="auto" ref={panel}>
        <div class="menu-head">
          <Avatar user={user} size="big" />
          <div>
            <strong><bdi>{called(user)}</bdi></strong>
            <span class="muted small"><bdi>{user.name}</bdi> · {m.role[user.role]}</span>
          </div>
        </div>
        {to("account", "person", m.navAccount)}
        {reads.value && to("devices", "plug", m.navDevicesLong)}
        {reads.value && to("users", "people", m.navUsersLong)}
        {reads.value && to("audit", "book", m.navAuditLong)}
        <hr />
        <div class="menu-choice"><span>{m.language}</span><LanguageChoice /></div>
        <div class="menu-choice"><span>{m.theme}</span><ThemeChoice /></div>
        <hr />
        <button class="item" onClick={() => void signOut().catch(() => (failed.value = true))}><Icon name="leave" /> {m.signOut}</button>
        {failed.value && <p class="bad small menu-note" role="alert">{m.noAnswer}</p>}
      </div>
    </div>
  );
}
