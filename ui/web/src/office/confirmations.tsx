import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { Confirmation } from "../accounts";
import { send } from "../api";
import { ago, word } from "../i18n";
import { Icon } from "../icons";
import { is, me } from "../session";
import { clockText } from "../trouble";
import { second } from "../time";
import { waiting } from "../waiting";
import { useList } from "./list";
import type { OneTime } from "./onetime";
import { Sure } from "./pieces";
import { words } from "./words";

/** how often what waits is looked for: another admin may have asked, ms */
const rhythm = 5000;

/** Confirmations is what waits for a second admin; nothing where nothing does. */
export function Confirmations({ told }: { told: (c: OneTime | undefined) => void }): JSX.Element | null {
  const m = words.value;
  const list = useList<Confirmation>("confirmations", "confirmations", rhythm);
  const rows = list.rows ?? [];
  useEffect(() => {
    if (list.rows && is("admin")) waiting.value = list.rows.filter((c) => c.by_id !== me.peek()?.id).length;
  }, [list.rows]);
  if (rows.length === 0) return null;
  return (
    <section class="panel confirmations" aria-labelledby="confirmations-title">
      <div class="panel-head"><h2 id="confirmations-title"><Icon name="people" size={16} /> {m.confirmations}</h2><span class="muted">{rows.length}</span></div>
      <ul>{rows.map((c) => <Row key={c.id} c={c} told={told} read={list.read} />)}</ul>
    </section>
  );
}

/** plain are details that say no more than the kind does. */
const plain: ReadonlySet<string> = new Set(["add an admin", "make an admin"]);

function Row({ c, told, read }: { c: Confirmation; told: (c: OneTime | undefined) => void; read: () => Promise<void> }): JSX.Element {
  const m = words.value;
  const own = c.by_id === me.value?.id;
  const left = Math.max(0, Math.ceil((Date.parse(c.expires) - second.value) / 1000));
  const about = c.object.replace(/^[a-z]+:/, "");
  const path = "confirmations/" + encodeURIComponent(c.id);
  return (
    <li data-confirmation={c.id}>
      <div class="confirmation-text">
        <p><b>{word(m.kind, c.kind)}</b> <bdi>{about}</bdi></p>
        <p class="muted small">
          {m.askedBy(c.by, ago(second.value - Date.parse(c.created)))}
          {" · "}<span class={left < 60 ? "warn-text" : ""}>{left > 0 ? m.timeLeft(clockText(left)) : m.expired}</span>
        </p>
        {plain.has(c.detail) ? null : <p class="small"><bdi>{c.detail}</bdi></p>}
        {own && <p class="small muted">{m.ownRequest}</p>}
      </div>
      {is("admin") && (
        <div class="row-tools">
          {!own && (
            <Sure small name={m.confirm} text={m.confirmText} act={async () => {
              const { code } = await send<{ code?: string }>("POST", path, {});
              await read();
              told(code ? { name: about, code } : undefined);
            }} />
          )}
          <button class="small" onClick={() => void send("DELETE", path).catch(() => undefined).then(read)}>{m.withdraw}</button>
        </div>
      )}
    </li>
  );
}
