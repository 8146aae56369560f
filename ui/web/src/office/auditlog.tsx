import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { address } from "../api";
import type { User } from "../accounts";
import { t } from "../i18n";
import { Icon } from "../icons";
import { Choice } from "../menu";
import { route } from "../route";
import { cameras } from "../store";
import { clock, day, fromText, shortStamp, stamp } from "../time";
import { Trouble } from "../trouble";
import { asked, choose, filterOf, Reader } from "./audit";
import type { Entry, Filter, Range } from "./audit";
import { EntryDrawer } from "./auditentry";
import { useList } from "./list";
import { Head } from "./pieces";
import { VerifyButton, VerifyResult } from "./verify";
import type { Verification } from "./verify";
import { words } from "./words";

/** AuditLog is the page of who did what. */
export function AuditLog(): JSX.Element {
  const m = words.value;
  const filter = filterOf(route.value.params);
  const reader = useMemo(() => new Reader(), []);
  const opened = useSignal<Entry | undefined>(undefined);
  const verification = useSignal<Verification>({ is: "none" });
  const key = JSON.stringify(filter);
  useEffect(() => reader.begin(filter), [key]);
  useEffect(() => () => reader.close(), []);
  const file = (format: string): string => address("audit/export", { ...asked(filter), format });
  return (
    <>
      <Head title={m.audit} text={m.auditText}>
        <VerifyButton verification={verification} />
        <a class="button" href={file("json")} download title={m.exportTitle}><Icon name="download" size={14} /> {m.exportJSON}</a>
        <a class="button" href={file("csv")} download title={m.exportTitle}><Icon name="download" size={14} /> {m.exportCSV}</a>
      </Head>
      <VerifyResult verification={verification} />
      <section class="panel table-panel" aria-label={m.audit}>
        <FilterBar f={filter} again={() => reader.begin(filterOf(route.peek().params))} />
        <Table reader={reader} open={(e) => (opened.value = e)} />
      </section>
      {opened.value && <EntryDrawer entry={opened.value} close={() => (opened.value = undefined)} />}
    </>
  );
}

/** nameOf is a camera by its name, where the site still has it. */
export function nameOf(id: string): string {
  return cameras.value?.find((c) => c.id === id)?.name ?? id;
}

function FilterBar({ f, again }: { f: Filter; again: () => void }): JSX.Element {
  const m = words.value;
  const people = useList<User>("users", "users");
  const typed = useSignal(f.q);
  useEffect(() => void (typed.value = f.q), [f.q]);
  const ranges: [Range, string][] = [["hour", m.lastHour], ["day", m.lastDay], ["week", m.lastWeek], ["month", m.lastMonth], ["all", m.always], ["between", m.fromTo]];
  const search = (e: Event): void => {
    e.preventDefault();
    if (typed.value.trim() === f.q) again();
    else choose({ q: typed.value.trim() });
  };
  const filtered = f.actor || f.action || f.object || f.camera || f.q;
  return (
    <form class="filter audit-filter" onSubmit={search}>
      <Choice<Range> name={m.range} value={f.range} options={ranges} choose={(range) => choose({ range })} />
      {f.range === "between" && <Between f={f} />}
      <span class="filter-fields">
        <input type="text" list="audit-people" placeholder={m.anybody} aria-label={m.who} value={f.actor} autocomplete="off" spellcheck={false}
          onChange={(e) => choose({ actor: e.currentTarget.value.trim() })} />
        <datalist id="audit-people">{people.rows?.map((u) => <option key={u.id} value={u.name}>{u.display}</option>)}</datalist>
        <select aria-label={m.what} value={f.action} onChange={(e) => choose({ action: e.currentTarget.value })}>
          <option value="">{m.anything}</option>
          {m.actionGroups.map(([v, text]) => <option key={v} value={v}>{text}</option>)}
          {f.action && !m.actionGroups.some(([v]) => v === f.action) && <option value={f.action}>{m.action[f.action] ?? f.action}</option>}
        </select>
        <select aria-label={t.value.colDevice} value={f.camera} onChange={(e) => choose({ camera: e.currentTarget.value })}>
          <option value="">{m.anyCamera}</option>
          {cameras.value?.map((c) => <option key={c.id} value={c.id}>{c.name}</option>)}
          {f.camera && !cameras.value?.some((c) => c.id === f.camera) && <option value={f.camera}>{f.camera}</option>}
        </select>
        <label class="box">
          <Icon name="search" size={14} />
          <input type="search" placeholder={m.searchText} aria-label={m.searchText} value={typed.value} onInput={(e) => (typed.value = e.currentTarget.value)}
            onChange={(e) => { if (e.currentTarget.value.trim() !== f.q) choose({ q: e.currentTarget.value.trim() }); }} />
        </label>
        <button type="submit">{m.find}</button>
      </span>
      {f.object && <button type="button" class="filter-chip" onClick={() => choose({ object: "" })}><bdi>{f.object}</bdi> <Icon name="cross" size={11} /></button>}
      {filtered && <button type="button" class="link small" onClick={() => choose({ actor: "", action: "", object: "", camera: "", q: "" })}>{m.clear}</button>}
    </form>
  );
}

/** Between are two instants in the site's zone. */
function Between({ f }: { f: Filter }): JSX.Element {
  const m = words.value;
  const box = (name: "from" | "to", label: string): JSX.Element => (
    <input type="text" class="moment-input" size={17} value={f[name]} placeholder={label} aria-label={`${label}: ${m.timeForm}`} title={m.timeForm} autocomplete="off"
      onChange={(e) => {
        const text = e.currentTarget.value.trim();
        const right = text === "" || fromText(text) !== undefined;
        e.currentTarget.setCustomValidity(right ? "" : m.timeForm);
        e.currentTarget.reportValidity();
        if (right) choose({ [name]: text });
      }} />
  );
  return <span class="between">{box("from", m.from)} – {box("to", m.to)}</span>;
}

function Table({ reader, open }: { reader: Reader; open: (e: Entry) => void }): JSX.Element {
  const m = words.value;
  const { entries, busy, more, searched, trouble } = reader.state.value;
  return (
    <>
      {entries.length > 0 && (
        <table class="rows audit">
          <thead><tr><th>{m.colTime}</th><th>{m.colActor}</th><th>{m.colAction}</th><th>{m.colObject}</th><th>{m.colOutcome}</th><th><span class="sr">{m.xDetail}</span></th></tr></thead>
          <tbody>{entries.map((e) => <Row key={e.seq} e={e} open={() => open(e)} />)}</tbody>
        </table>
      )}
      {entries.length === 0 && !busy && trouble === undefined && <p class="empty">{m.noEntries}</p>}
      <div class="table-foot" role="status">
        <Trouble of={trouble} />
        {entries.length > 0 && <span class="muted">{m.entriesShown(entries.length)}</span>}
        {busy && <><span class="spinner small-spinner" /> <span class="muted">{searched === undefined ? "" : m.searching(shortStamp(searched))}</span></>}
        {!busy && (more || trouble !== undefined) && (
          <>
            {entries.length === 0 && searched !== undefined && <span class="muted">{m.searchedTo(shortStamp(searched))}</span>}
            <button class="small" onClick={() => void reader.older()}>{entries.length === 0 ? m.searchOn : m.older}</button>
          </>
        )}
      </div>
    </>
  );
}

function Row({ e, open }: { e: Entry; open: () => void }): JSX.Element {
  const m = words.value;
  const at = Date.parse(e.time);
  return (
    <tr data-action={e.action} data-seq={e.seq} onClick={open}>
      <td class="a-time"><time title={stamp(at)}><b>{clock(at)}</b><span class="under">{day(at)}</span></time></td>
      <td class="a-actor"><bdi>{e.actor || "–"}</bdi>{e.source && <span class="under"><bdi>{e.source}</bdi></span>}</td>
      <td class="a-action">{m.action[e.action] ?? e.action}<span class="under mono">{e.action}</span></td>
      <td class="a-object"><About e={e} /></td>
      <td class="a-outcome"><Outcome e={e} /></td>
      <td class="u-open"><button class="quiet icon-only" aria-label={m.entry(String(e.seq))} onClick={(ev) => { ev.stopPropagation(); open(); }}><Icon name="chevron" size={14} /></button></td>
    </tr>
  );
}

/** Outcome says whether it was done. */
export function Outcome({ e }: { e: Entry }): JSX.Element | null {
  const m = words.value;
  if (!e.outcome) return null;
  return <span class={"outcome " + (e.outcome === "ok" ? "ok" : "refused")}><Icon name={e.outcome === "ok" ? "check" : "cross"} size={12} /> {e.outcome === "ok" ? m.ok : e.outcome === "refused" ? m.refused : e.outcome}</span>;
}

function About({ e }: { e: Entry }): JSX.Element {
  const object = (e.object ?? "").replace(/^user:/, "");
  const main = e.camera ? nameOf(e.camera) : object;
  const under = [e.camera ? object : "", e.from ? `${shortStamp(Date.parse(e.from))} – ${e.to ? clock(Date.parse(e.to)) : ""}` : "", e.detail ?? ""].filter(Boolean).join(" · ");
  return <><bdi>{main || (under ? "" : "–")}</bdi>{under && <span class="under"><bdi>{under}</bdi></span>}</>;
}
