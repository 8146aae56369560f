import type { ComponentChildren, JSX } from "preact";
import { useSignal } from "@preact/signals";
import { called } from "../accounts";
import type { NewUser, User } from "../accounts";
import { send } from "../api";
import { Dialog } from "../dialog";
import { t } from "../i18n";
import { Icon } from "../icons";
import { Avatar } from "../menu";
import { link } from "../route";
import { is, me, readSession } from "../session";
import { useTask } from "../task";
import { Trouble } from "../trouble";
import { stamp } from "../time";
import type { OneTime } from "./onetime";
import { RoleBadge, Sure } from "./pieces";
import { UserSessions } from "./signins";
import { UserTokens } from "./tokens";
import { UserForm } from "./userform";
import { camerasOf, secondOf } from "./users";
import { words } from "./words";

interface DrawerProps {
  user: User;
  close: () => void;
  /** told that something changed, with the one-time code if one came of it */
  told: (c: OneTime | undefined) => void;
}

/** UserDrawer is one user: what an auditor reads, and what an admin changes. */
export function UserDrawer({ user, close, told }: DrawerProps): JSX.Element {
  const editing = useSignal(false);
  return (
    <Dialog drawer close={close} title={<span class="user-title"><Avatar user={user} size="big" /><span><bdi>{called(user)}</bdi><span class="under"><bdi>{user.name}</bdi></span></span></span>}>
      {editing.value ? <Edit user={user} told={told} done={() => (editing.value = false)} /> : <Facts user={user} told={told} close={close} edit={() => (editing.value = true)} />}
    </Dialog>
  );
}

function Edit({ user, told, done }: { user: User; told: DrawerProps["told"]; done: () => void }): JSX.Element {
  const wanted = useSignal<NewUser>(saidOf(user));
  const task = useTask();
  const save = async (): Promise<void> => {
    const saved = await task.run(async () => void (await send<User>("PUT", "users/" + user.id, wanted.value)));
    told(undefined);
    if (user.id === me.value?.id) void readSession();
    if (saved) done();
  };
  return <UserForm user={wanted} task={task} provider={user.source === "local" ? undefined : user.source} submit={save} cancel={done} go={words.value.save} />;
}

/** saidOf is what an admin says of a user as they are. */
function saidOf(u: User): NewUser {
  const { name, display, role, rights, all, cameras, groups, language, disabled } = u;
  return { name, display, role, rights, all, cameras, groups, language, disabled };
}

function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return <div><dt>{name}</dt><dd>{children}</dd></div>;
}

function Facts({ user: u, told, close, edit }: DrawerProps & { edit: () => void }): JSX.Element {
  const m = words.value;
  const day = (iso: string | undefined): string => (iso ? stamp(Date.parse(iso)) : m.never);
  return (
    <div class="drawer-body">
      {u.disabled && <div class="note warn"><Icon name="lock" size={18} /><div>{m.disabled}</div></div>}
      <dl class="facts">
        <Fact name={m.roleLabel}><RoleBadge role={u.role} /></Fact>
        <Fact name={m.camerasLabel}>
          {u.all || u.cameras.length + u.groups.length === 0 ? camerasOf(u) : (
            <span class="rights">
              {u.groups.map((g) => <span key={g} class="pill group"><Icon name="grid" size={10} /> <bdi>{g}</bdi></span>)}
              {u.cameras.map((c) => <span key={c} class="pill"><bdi>{c}</bdi></span>)}
            </span>
          )}
        </Fact>
        <Fact name={m.rightsLabel}><span class="rights">{u.rights.map((r) => <span key={r} class="pill">{t.value.right[r]}</span>)}</span></Fact>
        <Fact name={m.factSource}>{u.source === "local" ? m.here : <bdi>{u.source}</bdi>}</Fact>
        <Fact name={m.factPassword}>{u.has_password ? m.isSet : m.notSet}</Fact>
        <Fact name={m.colSecond}>{secondOf(u)}</Fact>
        <Fact name={m.factLast}>{day(u.last_sign_in)}</Fact>
        <Fact name={m.factCreated}>{day(u.created)}</Fact>
      </dl>
      <p class="row-tools">
        {is("admin") && <button onClick={edit}><Icon name="edit" size={14} /> {m.edit}</button>}
        <a class="button" href={link("audit", "", { actor: u.name, range: "all" })}><Icon name="book" size={14} /> {m.inAudit}</a>
      </p>
      <UserSessions user={u} />
      <UserTokens user={u} />
      {is("admin") && <Powers user={u} told={told} close={close} />}
    </div>
  );
}

/** Powers are what an admin can do to an account as a whole. */
function Powers({ user: u, told, close }: DrawerProps): JSX.Element {
  const m = words.value;
  const path = "users/" + u.id;
  const task = useTask();
  const disable = async (disabled: boolean): Promise<void> => {
    try {
      await send("PUT", path, { ...saidOf(u), disabled });
    } finally {
      told(undefined);
    }
  };
  return (
    <div class="powers">
      {u.source === "local" && u.id !== me.value?.id && (
        <Sure icon="key" name={m.reset} text={m.resetText} act={async () => {
          const { code } = await send<{ code: string }>("POST", path + "/reset", {});
          close();
          told({ name: called(u), code });
        }} />
      )}
      {u.disabled
        ? <button type="button" disabled={task.busy} onClick={() => void task.run(() => disable(false))}><Icon name="check" size={14} /> {m.enable}</button>
        : <Sure icon="lock" name={m.disable} text={m.disableText} act={() => disable(true)} />}
      <Sure icon="cross" name={m.removeUser} text={m.removeText} danger act={async () => {
        await send("DELETE", path);
        close();
        told(undefined);
      }} />
      <Trouble of={task.trouble} />
    </div>
  );
}
