import type { JSX } from "preact";
import { computed, signal, useSignal } from "@preact/signals";
import { called, roles } from "../accounts";
import type { Role, User } from "../accounts";
import { ago, t } from "../i18n";
import { Icon } from "../icons";
import { Avatar, Choice } from "../menu";
import { go, link, route } from "../route";
import { is, me } from "../session";
import { now, stamp } from "../time";
import { Confirmations } from "./confirmations";
import { CodeDialog } from "./onetime";
import type { OneTime } from "./onetime";
import { useList } from "./list";
import { Head, Loading, RoleBadge } from "./pieces";
import { UserDrawer } from "./user";
import { NewUserDrawer } from "./userform";
import { words } from "./words";

/** rows that are drawn at first: a page of ten thousand is slow and read by nobody */
const firstRows = 100;

const typed = signal("");
const role = signal<Role | "all">("all");
/** sought is each word that a row must have somewhere */
const sought = computed(() => typed.value.toLowerCase().split(/\s+/).filter(Boolean));

function fits(u: User): boolean {
  if (role.value !== "all" && u.role !== role.value) return false;
  const m = t.value;
  const hay = [u.name, u.display, m.role[u.role], u.source, ...u.cameras, ...u.groups, ...u.rights.map((r) => m.right[r])].join("\n").toLowerCase();
  return sought.value.every((w) => hay.includes(w));
}

/** Users is the page of who has an account, and what each may do. */
export function Users(): JSX.Element {
  const m = words.value;
  const list = useList<User>("users", "users");
  const adding = useSignal(false);
  const code = useSignal<OneTime | undefined>(undefined);
  const limit = useSignal(firstRows);
  const open = list.rows?.find((u) => u.id === route.value.id);
  const found = (list.rows ?? []).filter(fits);
  const close = (): void => go(link("users"));
  const told = (c: OneTime | undefined): void => {
    code.value = c;
    void list.read();
  };
  return (
    <>
      <Head title={m.users} text={list.rows && m.usersCount(list.rows.length)}>
        {is("admin")
          ? <button class="primary" onClick={() => (adding.value = true)}><Icon name="plus" size={14} /> {m.addUser}</button>
          : <span class="tag" title={m.readOnlyText}>{m.readOnly}</span>}
      </Head>
      <Confirmations told={told} />
      <section class="panel table-panel" aria-label={m.users}>
        <div class="filter">
          <label class="box">
            <Icon name="search" size={14} />
            <input type="search" placeholder={m.searchUsers} aria-label={m.searchUsers} value={typed.value}
              onInput={(e) => { typed.value = e.currentTarget.value; limit.value = firstRows; }} />
          </label>
          <Choice<Role | "all"> name={m.colRole} value={role.value} choose={(r) => (role.value = r)}
            options={[["all", m.all], ...roles.map((r) => [r, t.value.role[r] ?? r] as const)]} />
          {list.rows && found.length < list.rows.length && <span class="muted small" role="status">{m.usersFound(found.length, list.rows.length)}</span>}
        </div>
        {!list.rows && <Loading trouble={list.trouble} again={list.read} />}
        {list.rows && found.length === 0 && <p class="empty">{m.noUserFound}</p>}
        {found.length > 0 && (
          <table class="rows users">
            <thead>
              <tr>
                <th>{m.colUser}</th><th>{m.colRole}</th><th>{m.colCameras}</th><th>{m.colRights}</th><th>{m.colSecond}</th><th>{m.colLast}</th>
                <th><span class="sr">{m.edit}</span></th>
              </tr>
            </thead>
            <tbody>{found.slice(0, limit.value).map((u) => <Row key={u.id} u={u} />)}</tbody>
          </table>
        )}
        {found.length > limit.value && (
          <p class="table-foot"><button class="small" onClick={() => (limit.value += 5 * firstRows)}>{m.more(found.length - limit.value)}</button></p>
        )}
      </section>
      {adding.value && <NewUserDrawer close={() => (adding.value = false)} told={told} />}
      {open && <UserDrawer key={open.id} user={open} close={close} told={told} />}
      {code.value && <CodeDialog code={code.value} close={() => (code.value = undefined)} />}
    </>
  );
}

function Row({ u }: { u: User }): JSX.Element {
  const m = words.value;
  const open = (): void => go(link("users", u.id));
  return (
    <tr class={u.disabled ? "off" : ""} data-user={u.name} onClick={open}>
      <td class="u-name"><div>
        <Avatar user={u} />
        <span>
          <b><bdi>{called(u)}</bdi></b>
          {u.id === me.value?.id && <span class="tag">{m.you}</span>}
          <span class="under"><bdi>{u.name}</bdi>{u.source !== "local" && <> · {m.external(u.source)}</>}</span>
        </span>
      </div></td>
      <td class="u-role"><RoleBadge role={u.role} />{u.disabled && <span class="under bad">{m.disabled}</span>}</td>
      <td class="u-cameras">{camerasOf(u)}</td>
      <td class="u-rights"><span class="rights">{u.rights.map((r) => <span key={r} class="pill">{t.value.right[r]}</span>)}</span></td>
      <td class="u-second">{secondOf(u)}</td>
      <td class="u-last">{u.last_sign_in
        ? <time title={stamp(Date.parse(u.last_sign_in))}>{ago(now() - Date.parse(u.last_sign_in))}</time>
        : <span class="muted">{u.source === "local" && !u.has_password && u.passkeys.length === 0 ? m.codeOpen : m.never}</span>}</td>
      <td class="u-open"><button class="quiet icon-only" aria-label={m.details(called(u))} onClick={(e) => { e.stopPropagation(); open(); }}><Icon name="chevron" size={14} /></button></td>
    </tr>
  );
}

/** camerasOf says which cameras somebody has, in short. */
export function camerasOf(u: Pick<User, "all" | "cameras" | "groups">): JSX.Element {
  const m = words.value;
  if (u.all) return <>{m.allCameras}</>;
  if (u.cameras.length + u.groups.length === 0) return <span class="muted">{m.noCameras}</span>;
  const parts = [...(u.groups.length ? [m.groups(u.groups.length)] : []), ...(u.cameras.length ? [m.cameras(u.cameras.length)] : [])];
  return <span title={[...u.groups, ...u.cameras].join("\n")}>{parts.join(", ")}</span>;
}

/** secondOf says which second factor somebody has. */
export function secondOf(u: User): JSX.Element {
  const m = words.value;
  const has = [...(u.has_totp ? [m.app] : []), ...(u.passkeys.length > 0 ? [m.passkeys(u.passkeys.length)] : [])];
  if (has.length === 0) return <span class="muted">{m.none}</span>;
  return <span class="has"><Icon name="check" size={13} /> {has.join(", ")}</span>;
}
