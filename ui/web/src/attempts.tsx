import type { ComponentChildren, JSX } from "preact";
import { computed, effect, signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Attempt } from "./api";
import { Counters } from "./containment";
import { Explain } from "./explain";
import { Groups } from "./blocked/groups";
import type { Grouping } from "./blocked/groups";
import { PeriodReport } from "./blocked/report";
import { Review } from "./blocked/review";
import { chatter, chips, current, filtered, found, more, q, typed, wrong } from "./blocked/search";
import { Cloud } from "./blocked/whom";
import { words } from "./blocked/words";
import { fields, without } from "./filter";
import type { Field } from "./filter";
import { ago, count, t, word } from "./i18n";
import { Icon } from "./icons";
import { attempts, attemptsLoaded, attemptsVersion, badge, containment, olderLeft, readOlder } from "./store";
import { clock, day, second, shortStamp } from "./time";
import { TroubleLine } from "./trouble";

const grouping = signal<Grouping | undefined>(undefined);
const limit = signal(100);
const opened = signal<string | undefined>(undefined);
/** ids in the order in which they stood when following paused */
const frozen = signal<string[] | undefined>(undefined);
const held = signal(false); // paused by the button, not by the pointer
const trying = signal<unknown>(undefined); // why older rows could not be read
let hovered = false;
let focused = false; // by the keyboard
const newFor = 24 * 3_600_000; // ms for which an attempt is called new

/** wanted is every attempt that the filter lets through, newest sighting first. */
const wanted = computed(() => {
  void attemptsVersion.value;
  const list = found.value ? found.value.rows.map((a) => attempts.get(a.id) ?? a) : [...attempts.values()].filter((a) => chatter.value || a.reason !== "chatter");
  return list.sort((a, b) => (a.last < b.last ? 1 : a.last > b.last ? -1 : a.id < b.id ? 1 : -1));
});

/** rows is what stands in the table: while paused neither order nor membership changes, counts do. */
const rows = computed(() => {
  void attemptsVersion.value;
  const order = frozen.value;
  if (!order) return wanted.value;
  return order.flatMap((id) => current(id) ?? []);
});

const waiting = computed(() => {
  const order = frozen.value;
  if (!order) return 0;
  const shown = new Set(order);
  return wanted.value.reduce((n, a) => (shown.has(a.id) ? n : n + 1), 0);
});

/** seen is the last sighting of the newest attempt shown, where one sees all that came; undefined elsewhere. */
const seen = computed(() => {
  if (grouping.value || q.value !== "" || filtered.value || waiting.value > 0) return undefined;
  return rows.value.slice(0, limit.value).map((a) => a.last).reduce<string | undefined>((x, y) => (x !== undefined && Date.parse(x) >= Date.parse(y) ? x : y), undefined);
});

function pause(): void {
  if (!frozen.value) frozen.value = wanted.value.map((a) => a.id);
}

function follow(): void {
  held.value = false;
  frozen.value = undefined;
}

/** holding tells whether the pointer, the keyboard, the button or an open row holds the table. */
function holding(): boolean {
  return held.value || hovered || focused || opened.value !== undefined;
}

/** resume follows again unless something holds the table. */
function resume(): void {
  if (!holding()) frozen.value = undefined;
}

/** anew takes the rows again, because others are asked for; what holds the table holds those. */
function anew(): void {
  frozen.value = undefined;
  if (holding()) pause();
}

function add(word: string): void {
  chips.value = [...chips.value.filter((x) => x !== word && x !== without(word)), word];
}

/** Other rows were found for another filter: what holds the table holds those. */
let asked = "";
effect(() => {
  const answered = filtered.value ? q.peek() : "";
  void found.value;
  if (answered === asked) return;
  asked = answered;
  anew();
});

/** A row that left the table, by the filter or because it is too old, is open no more. */
effect(() => {
  const id = opened.value;
  if (id === undefined || rows.value.some((a) => a.id === id)) return;
  opened.value = undefined;
  resume();
});

const left = computed(() => (found.value ? found.value.next !== undefined : olderLeft.value));

/** older reads and shows more of the past. */
async function older(): Promise<void> {
  trying.value = undefined;
  if (rows.value.length <= limit.value * 2 && left.value) {
    try {
      await (filtered.value ? more() : readOlder());
    } catch (e) {
      trying.value = e;
      return;
    }
    anew();
  }
  limit.value += 100;
}

/** By is a value that can be clicked to filter by it. */
function By({ field, a, children, show }: { field: Field; a: Attempt; children: ComponentChildren; show?: string }): JSX.Element {
  const value = fields[field](a);
  if (!value) return <>{children}</>;
  return <Word word={value} show={show}>{children}</Word>;
}

/** Word is a word of the filter that can be clicked. */
function Word({ word: value, children, show }: { word: string; children: ComponentChildren; show?: string | undefined }): JSX.Element {
  return (
    <button class="by" title={t.value.filterBy(show ?? value)} onClick={(e) => { e.stopPropagation(); add(e.altKey ? without(value) : value); }}>
      {children}
    </button>
  );
}

/** Tags are what is special about an attempt; new has a badge of its own. */
function Tags({ a }: { a: Attempt }): JSX.Element | null {
  const tags = (a.tags ?? []).filter((tag) => tag !== "new" && tag !== "scan" && tag !== "many");
  if (tags.length === 0 && !a.cloud) return null;
  return (
    <span class="marks">
      <Cloud a={a} />
      {tags.map((tag) => (
        <Word key={tag} word={"is:" + tag}>
          <span class="mark" title={words.value.tag[tag]}>{tag}{tag === "beacon" && a.period ? ` ${span(a.period)} ± ${span(a.jitter ?? 0)}` : ""}</span>
        </Word>
      ))}
    </span>
  );
}

/** Net is whose network the destination is in: where no name is known, it stands in the name's place. */
function Net({ a }: { a: Attempt }): JSX.Element {
  return <span class="net" title={words.value.network}><By field="network" a={a}><bdi>{a.network}</bdi></By></span>;
}

/** span writes seconds as 45 s, 12 min or 6 h. */
function span(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 360) / 10} h`;
}

function Row({ a }: { a: Attempt }): JSX.Element {
  const m = t.value;
  const open = opened.value === a.id;
  const last = Date.parse(a.last);
  const said = a.said?.[0]?.name;
  const toggle = (): void => {
    opened.value = open ? undefined : a.id;
    if (open) resume();
    else pause(); // nobody reads a row that runs away
  };
  return (
    <>
      <tr class={"attempt" + (open ? " open" : "") + (second.value - last < 2500 ? " fresh" : "")} data-id={a.id} onClick={toggle}>
        <td class="c-last">
          <time title={day(last)}>{clock(last)}</time>
          <span class="under">{m.firstSeen(shortStamp(Date.parse(a.first)))}</span>
        </td>
        <td class="c-device">
          <By field="camera" a={a}><bdi>{a.camera || a.device || m.unknownDevice}</bdi></By>
          <span class="under"><By field="source" a={a}><bdi>{a.source || a.mac || (a.many ? words.value.manySources : "–")}</bdi></By></span>
        </td>
        <td class="c-destination">
          {a.host === "*" ? <bdi class="host">{m.manyNames}</bdi>
            : a.host ? <By field="host" a={a}><bdi class="host">{a.host}</bdi></By>
            : said ? <span title={words.value.saidTitle}><By field="said" a={a}><bdi class="host"><i>{said}</i></bdi></By></span>
            : a.network ? <Net a={a} />
            : <span class="faint">{a.overflow || a.scan ? m.many : m.noName}</span>}
          <span class="under mono">
            <By field="address" a={a}><bdi>{a.address}</bdi></By>
            <span class="beside">
              {a.country && <> · <By field="country" a={a}>{a.country}</By></>}
              {a.overflow && (a.scan ? m.scan : m.overflow)}
              {a.scan && !a.overflow && m.scan}
              {a.folded ? <> · {words.value.folded(count(a.folded))}</> : ""}
              {a.new && second.value - Date.parse(a.first) < newFor && <span class="new" title={m.newTitle}>{m.newBadge}</span>}
            </span>
          </span>
          {a.network && (a.host || said) && <span class="under"><Net a={a} /></span>}
          <Tags a={a} />
        </td>
        <td class="c-port">
          <By field="port" a={a}>{a.overflow || a.scan ? "–" : a.port ? <><b>{a.port}</b>/{a.protocol}</> : a.protocol}</By>
          <span class="under">{a.service ?? (a.icmp_type >= 0 ? m.icmpType(a.icmp_type) : "")}</span>
        </td>
        <td class="c-reason">
          <By field="reason" a={a} show={word(m.reason, a.reason)}><span class={"reason " + a.reason}>{word(m.reason, a.reason)}</span></By>
          <span class="under mono"><By field="layer" a={a}>{a.layer}</By> · <By field="rule" a={a}><bdi>{a.rule}</bdi></By></span>
        </td>
        <td class="c-count num">
          <b>{count(a.count)}</b>
          <button class="expand" aria-expanded={open} aria-label={m.expand} onClick={(e) => { e.stopPropagation(); toggle(); }}><Icon name="chevron" size={13} /></button>
        </td>
      </tr>
      {open && <tr class="explain"><td colSpan={6}><Explain attempt={a} /></td></tr>}
    </>
  );
}

function Empty(): JSX.Element {
  const m = t.value;
  if (filtered.value) return <p class="empty">{m.noMatch}</p>;
  switch (badge.value) {
    case "degraded":
      return (
        <div class="empty" data-empty="degraded">
          <Icon name="warn" size={26} /><strong>{m.emptyEnforced}</strong><p>{m.emptyDegradedText}</p>
        </div>
      );
    case "contained":
    case "enforced":
      return (
        <div class="empty" data-empty="enforced">
          <Icon name="shield" size={26} /><strong>{m.emptyEnforced}</strong>
          <p>{m.emptyEnforcedText(ago(second.value - Date.parse(containment.value!.checked)))}</p>
        </div>
      );
    case "not-enforced":
      if ((containment.value?.findings ?? []).some((f) => f.current && f.level === "not-enforced") && (containment.value?.layers ?? []).every((l) => l.holds)) {
        // What this box does holds; a way around it is what is wrong.
        return <div class="empty bad" data-empty="way-around"><Icon name="warn" size={26} /><strong>{m.emptyWayAround}</strong><p>{m.emptyWayAroundText}</p></div>;
      }
      return notRunning();
    case "disarmed":
    case "observing":
      return notRunning();
    default:
      return <div class="empty" data-empty="unknown"><Icon name="question" size={26} /><strong>{m.emptyUnknown}</strong><p>{m.emptyUnknownText}</p></div>;
  }
}

function notRunning(): JSX.Element {
  const m = t.value;
  return <div class="empty bad" data-empty="not-enforced"><Icon name="warn" size={26} /><strong>{m.emptyNotEnforced}</strong><p>{m.emptyNotEnforcedText}</p></div>;
}

/** Announce tells screen readers of new attempts, at most every five seconds. */
function Announce(): JSX.Element {
  const said = useSignal("");
  useEffect(() => {
    let known = new Set(attempts.keys());
    let first = true;
    const timer = setInterval(() => {
      const fresh = [...attempts.keys()].filter((id) => !known.has(id)).length;
      if (fresh > 0 && !first) said.value = t.peek().newAnnounce(fresh);
      first = !attemptsLoaded.peek();
      known = new Set(attempts.keys());
    }, 5000);
    return () => clearInterval(timer);
  }, []);
  return <p class="sr" role="status">{said.value}</p>;
}

function Toolbar(): JSX.Element {
  const m = t.value;
  return (
    <div class="filter">
      <label class="box">
        <Icon name="search" size={14} />
        <input type="search" placeholder={words.value.filter} aria-label={words.value.filter} title={words.value.filterHelp} value={typed.value}
          onInput={(e) => (typed.value = e.currentTarget.value)} />
      </label>
      <label class="check" title={m.chatterTitle}>
        <input type="checkbox" checked={chatter.value} onChange={(e) => { chatter.value = e.currentTarget.checked; anew(); }} /> {m.chatter}
      </label>
      <button class={"small" + (frozen.value ? " on" : "")} aria-pressed={held.value}
        onClick={() => { if (held.value) follow(); else { pause(); held.value = true; } }}>
        <Icon name={frozen.value ? "play" : "pause"} size={12} />
        {frozen.value ? (waiting.value > 0 ? m.pausedNew(waiting.value) : held.value ? m.resume : m.paused) : m.pause}
      </button>
      {chips.value.length > 0 && (
        <p class="chips">
          {chips.value.map((c) => (
            <button key={c} class={"filter-chip" + (c.startsWith("-") ? " not" : "")} aria-label={m.removeFilter(c)}
              onClick={() => (chips.value = chips.value.filter((x) => x !== c))}>
              <bdi>{c}</bdi> <Icon name="cross" size={11} />
            </button>
          ))}
          <button class="link small" onClick={() => { chips.value = []; typed.value = ""; }}>{m.clear}</button>
        </p>
      )}
      <TroubleLine of={wrong.value} look="wrong" />
    </div>
  );
}

/** Tools choose list or groups, and sign off. */
function Tools(): JSX.Element {
  const w = words.value;
  return (
    <div class="table-tools">
      <label class="small">{w.grouping} <select value={grouping.value ?? ""} onChange={(e) => (grouping.value = (e.currentTarget.value || undefined) as Grouping | undefined)}>
        <option value="">{w.list}</option>
        {(["camera", "destination", "reason"] as const).map((by) => <option key={by} value={by}>{w.by[by]}</option>)}
      </select></label>
      <PeriodReport />
      <Review upTo={seen.value} />
    </div>
  );
}

/** Attempts is the table of blocked attempts, growing live. */
export function Attempts(): JSX.Element {
  const m = t.value;
  const list = rows.value;
  const leave = (): void => {
    hovered = false;
    resume();
  };
  // Also who walks through the table by keyboard reads no row that runs away.
  const into = (e: FocusEvent): void => {
    if (!(e.target as HTMLElement).matches(":focus-visible")) return; // the pointer's click
    focused = true;
    pause();
  };
  const out = (e: FocusEvent): void => {
    if ((e.currentTarget as HTMLElement).contains(e.relatedTarget as Node | null)) return;
    focused = false;
    resume();
  };
  return (
    <section id="attempts" class="panel" aria-labelledby="h-attempts">
      <div class="panel-head">
        <h2 id="h-attempts">{m.attempts}</h2>
        <Counters />
      </div>
      <Toolbar />
      <Tools />
      <Announce />
      {grouping.value && <Groups by={grouping.value} done={() => (grouping.value = undefined)} />}
      {!grouping.value && list.length === 0 && attemptsLoaded.value && <Empty />}
      {!grouping.value && list.length > 0 && (
        <div class="table-box" tabIndex={0} role="region" aria-labelledby="h-attempts"
          onPointerEnter={(e) => { if (e.pointerType === "mouse") { hovered = true; pause(); } }} onPointerLeave={leave}
          onFocusIn={into} onFocusOut={out}>
          <table class="attempts">
            <thead>
              <tr>
                <th class="c-last">{m.colLast}</th><th class="c-device">{m.colDevice}</th><th class="c-destination">{m.colDestination}</th>
                <th class="c-port">{m.colPort}</th><th class="c-reason">{m.colReason}</th><th class="c-count num">{m.colTries}</th>
              </tr>
            </thead>
            <tbody>{list.slice(0, limit.value).map((a) => <Row key={a.id} a={a} />)}</tbody>
          </table>
          <p class="table-foot">
            <span class="muted">{m.shown(Math.min(limit.value, list.length))}</span>
            {filtered.value && found.value?.next && found.value.searched && <span class="muted">{words.value.searched(shortStamp(Date.parse(found.value.searched)))}</span>}
            {(list.length > limit.value || left.value) && (
              <button class="small" onClick={() => void older()}>{m.older}</button>
            )}
          </p>
          <TroubleLine of={trying.value} look="table-foot" />
        </div>
      )}
    </section>
  );
}
