import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, send } from "../api";
import { ago, word } from "../i18n";
import { Icon } from "../icons";
import { is } from "../session";
import { containment } from "../store";
import { second, stamp } from "../time";
import { useTask } from "../task";
import { Trouble } from "../trouble";
import { words } from "./words";

interface Path {
  id: string;
  as: string;
  text: string;
  outcome: "stopped" | "other-layer" | "unseen" | "leaked";
  expected: string;
  seen: string[];
  leaks: string[];
  detail?: string;
}

interface Round {
  verdict: string;
  began?: string;
  paths: Path[];
  controls: { id: string; text: string; seen: boolean }[];
  notes: string[];
  unseeable: string[];
}

const senders = ["pinned", "unpinned", "spoofing", "outside", "box"];

/** Proof is the canary's last round: in short, and path by path for who opens it. */
export function Proof(): JSX.Element | null {
  const m = words.value;
  const c = containment.value;
  const p = c?.proof;
  const open = useSignal(false);
  const round = useSignal<Round | undefined>(undefined);
  const again = useSignal(0); // times that the recorder gave no round
  const task = useTask();
  useEffect(() => {
    if (!open.value) return;
    const gone = new AbortController();
    get<Round>("containment/proof", {}, gone.signal)
      .then((r) => (round.value = r))
      .catch(() => gone.signal.aborted || setTimeout(() => again.value++, 2000));
    return () => gone.abort();
  }, [open.value, p?.began, again.value]);
  const look = !p ? "unknown" : p.verdict === "leaking" ? "bad" : p.verdict === "proved" && !c?.unproved ? "ok" : "warn";
  const prove = (): void => void task.run(async () => {
    round.value = await send<Round>("POST", "containment/proof", {});
  });
  return (
    <section class={"proof is-" + look} data-proof={p?.verdict ?? "none"}>
      <p class="proof-head">
        <Icon name={look === "ok" ? "check" : look === "bad" ? "cross" : "question"} size={14} />
        <b>{m.canary}</b>
        <span class="proof-verdict">{p ? word(m.verdict, p.verdict) : m.none}</span>
        {p?.began && <span class="muted">{m.tried(p.stopped, p.tried)} · {m.at(ago(second.value - Date.parse(p.began)))}{p.next && <> · {m.next(Math.ceil((Date.parse(p.next) - second.value) / 1000))}</>}</span>}
        {is("admin") && <button class="small" disabled={task.busy} onClick={prove}>{m.prove}</button>}
      </p>
      {c?.unproved && <p class="small"><bdi lang="en">{c.unproved}</bdi></p>}
      <Trouble of={task.trouble} />
      <details class="more" onToggle={(e) => (open.value = e.currentTarget.open)}>
        <summary>{m.paths}</summary>
        {open.value && round.value && <Whole round={round.value} />}
      </details>
    </section>
  );
}

function Whole({ round }: { round: Round }): JSX.Element {
  const m = words.value;
  const p = containment.value?.proof;
  const limits = m.limits.length ? m.limits : round.unseeable;
  return (
    <>
      {round.began && p && <p class="muted small">{stamp(Date.parse(round.began))} · {m.took(p.seconds, p.cpu_seconds)}</p>}
      {senders.map((as) => {
        const list = round.paths.filter((x) => x.as === as);
        return list.length > 0 && (
          <div key={as}>
            <h4>{word(m.as, as)}</h4>
            <ul class="paths">{list.map((x) => <PathLine key={x.id} x={x} />)}</ul>
          </div>
        );
      })}
      <h4>{m.controls}</h4>
      <ul class="paths">
        {round.controls.map((x) => (
          <li key={x.id} class={x.seen ? "stopped" : "leaked"}><Icon name={x.seen ? "check" : "cross"} size={13} /> <span>{m.control[x.id] ?? x.text}</span> <b>{x.seen ? m.sees : m.deaf}</b></li>
        ))}
      </ul>
      {round.notes.length > 0 && <h4>{m.notTried}</h4>}
      {round.notes.map((n) => <p key={n} class="small"><bdi lang="en">{n}</bdi></p>)}
      <h4>{m.unseeable}</h4>
      {limits.map((n) => <p key={n} class="small">{n}</p>)}
    </>
  );
}

function PathLine({ x }: { x: Path }): JSX.Element {
  const m = words.value;
  const named = (what: string): string => word(m.seen, what);
  const icon = x.outcome === "stopped" ? "check" : x.outcome === "leaked" ? "cross" : "warn";
  return (
    <li class={x.outcome} data-path={x.id}>
      <Icon name={icon} size={13} />
      <span>{m.path[x.id] ?? x.text}</span>
      <b>
        {word(m.outcome, x.outcome)}
        {x.outcome === "leaked" ? <> · {m.cameOut(x.leaks.join(", "))}</> : x.seen.length > 0 && <> · {x.seen.map(named).join(", ")}</>}
        {x.outcome !== "stopped" && x.outcome !== "leaked" && <> · {m.expected(named(x.expected))}</>}
      </b>
    </li>
  );
}
