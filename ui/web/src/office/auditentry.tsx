import type { ComponentChildren, JSX } from "preact";
import { Dialog } from "../dialog";
import { Icon } from "../icons";
import { count } from "../i18n";
import { stamp } from "../time";
import { choose } from "./audit";
import type { Entry } from "./audit";
import { nameOf, Outcome } from "./auditlog";
import { words } from "./words";

/** EntryDrawer is one entry with all that it says. */
export function EntryDrawer({ entry: e, close }: { entry: Entry; close: () => void }): JSX.Element {
  const m = words.value;
  const only = (change: Parameters<typeof choose>[0]): JSX.Element => (
    <button class="link only" title={m.onlyThis} aria-label={m.onlyThis} onClick={() => { close(); choose(change); }}><Icon name="search" size={12} /></button>
  );
  return (
    <Dialog drawer close={close} title={<>{m.action[e.action] ?? e.action} <Outcome e={e} /></>}>
      <div class="drawer-body">
        <dl class="facts">
          <Fact name={m.xTime}>{stamp(Date.parse(e.time))}</Fact>
          <Fact name={m.number}>{count(e.seq)}</Fact>
          <Fact name={m.xActor}><bdi>{e.actor || "–"}</bdi> {e.actor && only({ actor: e.actor })}</Fact>
          {e.source && <Fact name={m.xSource}><code><bdi>{e.source}</bdi></code></Fact>}
          <Fact name={m.xAction}><code>{e.action}</code> {only({ action: e.action })}</Fact>
          {e.object && <Fact name={m.xObject}><bdi>{e.object}</bdi> {only({ object: e.object })}</Fact>}
          {e.camera && <Fact name={m.xCamera}><bdi>{nameOf(e.camera)}</bdi> {only({ camera: e.camera })}</Fact>}
          {e.via && <Fact name={m.xVia}><code><bdi>{e.via}</bdi></code></Fact>}
          {e.from && (
            <Fact name={m.xRange}>
              {stamp(Date.parse(e.from))}{e.to && <> – {stamp(Date.parse(e.to))}</>}
              {e.camera && <> · <a class="text-link" href={"#" + new URLSearchParams({ camera: e.camera, at: e.from }).toString()}>{m.watch}</a></>}
            </Fact>
          )}
          {e.detail && <Fact name={m.xDetail} wide><bdi>{e.detail}</bdi></Fact>}
        </dl>
        {(e.before !== undefined || e.after !== undefined) && <Changes before={e.before} after={e.after} />}
      </div>
    </Dialog>
  );
}

function Fact({ name, children, wide }: { name: string; children: ComponentChildren; wide?: boolean }): JSX.Element {
  return <div class={wide ? "wide-fact" : ""}><dt>{name}</dt><dd>{children}</dd></div>;
}

/** fields flattens a value: {"a":{"b":1}} is a.b = 1. A list of plain values is one field. */
export function fields(v: unknown, at = "", into = new Map<string, string>()): Map<string, string> {
  if (Array.isArray(v) && v.some((x) => typeof x === "object" && x !== null)) {
    v.forEach((x, i) => fields(x, `${at}[${(x as { id?: string } | null)?.id ?? i}]`, into));
  } else if (typeof v === "object" && v !== null && !Array.isArray(v)) {
    for (const [k, x] of Object.entries(v)) fields(x, at ? `${at}.${k}` : k, into);
  } else {
    into.set(at, v === null || v === undefined ? "" : Array.isArray(v) ? v.join(", ") : String(v));
  }
  return into;
}

function Changes({ before, after }: { before: unknown; after: unknown }): JSX.Element {
  const m = words.value;
  const was = fields(before ?? {});
  const is = fields(after ?? {});
  const names = [...new Set([...was.keys(), ...is.keys()])];
  const changed = names.filter((n) => (was.get(n) ?? "") !== (is.get(n) ?? ""));
  const same = names.filter((n) => (was.get(n) ?? "") === (is.get(n) ?? "") && was.get(n)).length;
  const cut = was.has("cut") || is.has("cut");
  return (
    <div class="in-drawer">
      <h3>{m.changes}</h3>
      {cut && <p class="muted small">{m.notShown}</p>}
      <table class="diff">
        <thead><tr><th>{m.field}</th><th>{m.before}</th><th>{m.after}</th></tr></thead>
        <tbody>
          {changed.map((n) => (
            <tr key={n}>
              <th scope="row"><bdi>{n || "–"}</bdi></th>
              <td class={was.get(n) ? "was" : ""}><bdi>{was.get(n) || m.wasNothing}</bdi></td>
              <td class={is.get(n) ? "is" : ""}><bdi>{is.get(n) || m.wasNothing}</bdi></td>
            </tr>
          ))}
        </tbody>
      </table>
      {same > 0 && <p class="muted small">{m.unchanged(same)}</p>}
    </div>
  );
}
