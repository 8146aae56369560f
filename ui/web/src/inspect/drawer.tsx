import type { JSX } from "preact";
import { send } from "../api";
import { Dialog } from "../dialog";
import { ago, word } from "../i18n";
import { Icon } from "../icons";
import { useList } from "../office/list";
import { Loading } from "../office/pieces";
import { is, me } from "../session";
import { useTask } from "../task";
import { second, stamp } from "../time";
import { Trouble } from "../trouble";
import { looked } from "./inspected";
import type { Fact, Finding, Inspection } from "./inspection";
import { words } from "./words";

/** Drawer shows what one device says of itself. Every word of it is the device's: text. */
export function Drawer(): JSX.Element | null {
  const m = words.value;
  const device = looked.value ?? "";
  const list = useList<Inspection>("inspect?device=" + encodeURIComponent(device), "inspections", 5000);
  const task = useTask();
  const ask = async (): Promise<void> => {
    await send("POST", `devices/${encodeURIComponent(device)}/inspect`, {});
    await list.read();
  };
  const v = list.rows?.[0];
  return (
    <Dialog drawer title={m.title(device)} close={() => (looked.value = undefined)}>
      <div class="drawer-body inspection">
        <p class="muted">{m.text}</p>
        <div class="inspect-when">
          <p>{v ? <><time title={stamp(Date.parse(v.at))}>{m.asked(ago(second.value - Date.parse(v.at)))}</time>{v.address && <> · <code>{v.address}</code></>}</> : list.rows && m.notYet}</p>
          {is("admin") && me.value && <button type="button" class="small" disabled={task.busy} onClick={() => void task.run(ask)}>{task.busy && <span class="spinner" />} {m.ask}</button>}
        </div>
        <Trouble of={task.trouble} />
        {!list.rows && <Loading trouble={list.trouble} again={list.read} />}
        {v && <Said v={v} />}
      </div>
    </Dialog>
  );
}

function Said({ v }: { v: Inspection }): JSX.Element {
  const m = words.value;
  const why = m.outcome[v.outcome];
  return (
    <>
      {why && <div class="note warn" role="status"><Icon name="question" size={18} /><div>{why[0]} {why[1]}</div></div>}
      {v.findings.length > 0 && <ul class="inspect-findings">{v.findings.map((f) => <Found key={f.code + f.text} f={f} />)}</ul>}
      {v.findings.length === 0 && v.outcome === "answered" && <p class="none-found"><Icon name="check" size={16} /> {m.nothing}</p>}
      {v.facts.length > 0 && (
        <>
          <h3>{m.facts}</h3>
          <dl class="inspect-facts">{v.facts.map((f, i) => <FactLine key={i} f={f} again={v.facts[i - 1]?.name === f.name} />)}</dl>
        </>
      )}
      {v.untold.length > 0 && (
        <details class="more">
          <summary>{m.untold(v.untold.length)}</summary>
          <ul class="inspect-untold">{v.untold.map((u) => <li key={u.operation}><code>{u.operation}</code> <bdi class="muted">{u.why}</bdi></li>)}</ul>
        </details>
      )}
    </>
  );
}

function Found({ f }: { f: Finding }): JSX.Element {
  const said = words.value.finding(f);
  const look = f.level === "not-enforced" ? "bad" : f.level === "warning" ? "warn" : "plain";
  return (
    <li class={look} data-code={f.code}>
      <Icon name={look === "plain" ? "question" : "warn"} size={15} />
      <div>
        <p><bdi>{said[0]}</bdi></p>
        <p class="small muted">→ <bdi>{said[1]}</bdi></p>
      </div>
    </li>
  );
}

function FactLine({ f, again }: { f: Fact; again: boolean }): JSX.Element {
  const m = words.value;
  return (
    <>
      <dt class={f.differs ? "differs" : ""}>{again ? <span class="sr">{word(m.fact, f.name)}</span> : word(m.fact, f.name)}{f.differs && <span class="under">{m.differs}</span>}</dt>
      <dd>{f.claims.map((c) => <p key={c.source}><bdi>{c.value}</bdi>{c.source !== "onvif" && <span class="muted small"> · {word(m.source, c.source)}</span>}</p>)}</dd>
    </>
  );
}
