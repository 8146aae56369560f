import type { ComponentType, JSX } from "preact";
import type { Finding, Layer } from "./api";
import { ago, count, t, word } from "./i18n";
import { Icon } from "./icons";
import type { IconName } from "./icons";
import { Lazy } from "./lazy";
import { me, reads } from "./session";
import { tone } from "./shell";
import { badge, containment, readBack } from "./store";
import { second, stamp } from "./time";

const openProof = (): Promise<ComponentType> => import("./proof/proof").then((m) => m.Proof);
const openTunnels = (): Promise<ComponentType> => import("./office/tunnel").then((m) => m.OpenTunnels);

/** Counters is the account of dropped packets (C11). */
export function Counters(): JSX.Element | null {
  const m = t.value;
  const n = containment.value?.counted;
  if (!n) return null;
  return (
    <p class="counters">
      <span title={m.countedTitle}>{m.counted} <b>{count(n.dropped)}</b></span>
      <span title={m.readTitle}>{m.read} <b>{count(n.read)}</b>{!!n.canary && <> ({m.ofCanary(count(n.canary))})</>}</span>
      <span title={m.lostTitle} class={n.lost > 0 ? "warn" : ""}>{m.lostPackets} <b>{count(n.lost)}</b></span>
      {n.unread > 0 && <span title={m.unreadTitle} class="warn">{m.unread} <b>{count(n.unread)}</b></span>}
      <span title={m.suppressedTitle}>{m.suppressed} <b>{count(n.suppressed)}</b></span>
    </p>
  );
}

/** Changes lists what others changed in the kernel, the newest first (C10). */
function Changes(): JSX.Element | null {
  const m = t.value;
  const list = containment.value?.drift ?? [];
  if (list.length === 0) return null;
  return (
    <details class="more changes">
      <summary title={m.changedTitle}>{m.changed(list.length)}</summary>
      <dl class="layer-facts">
        {list.map((d) => (
          <div key={d.id}>
            <dt class={d.done === "stands" ? "bad" : ""}>{stamp(Date.parse(d.first))} · {d.layer} · {word(m.changedDone, d.done)}</dt>
            <dd>
              <bdi lang="en">{d.found}</bdi>
              {d.count > 1 && <> · {m.changedTimes(d.count, stamp(Date.parse(d.last)))}</>}
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

export function ContainmentPanel(): JSX.Element {
  const m = t.value;
  const c = containment.value;
  const layers = c?.layers ?? [];
  const holds = layers.filter((l) => l.holds).length;
  // A layer that was not read back lately neither holds nor is missing.
  const of = (l: Layer): { look: string; icon: IconName; text: string } =>
    !readBack.value ? { look: "unknown", icon: "question", text: m.layerUnknown }
    : l.holds ? { look: "holds", icon: "check", text: m.layerHolds }
    : { look: "missing", icon: "cross", text: m.layerMissing };
  const name = (l: Layer): string => m.layer[l.layer] ?? l.name;
  return (
    <section id="containment" class="panel" aria-labelledby="h-containment">
      <div class="panel-head">
        <h2 id="h-containment">{m.containment}</h2>
        <span class={"state " + tone()} title={badge.value === "contained" ? m.containedTitle : badge.value === "enforced" ? m.enforcedTitle : ""}>{word(m.state, badge.value)}</span>
        {c && <span class="muted">{readBack.value ? m.layersRead(holds, layers.length) : m.layersUnknown} · {m.checked(ago(second.value - Date.parse(c.checked)))}</span>}
      </div>
      {c && (
        <>
          <ul class="layers">
            {layers.map((l) => (
              <li key={l.layer} class={of(l).look} title={name(l) + " · " + of(l).text + (readBack.value ? "\n" + (l.detail ?? "") : "")}>
                <Icon name={of(l).icon} size={13} />
                <b>{l.layer}</b>
                <span class="name"><bdi>{name(l)}</bdi></span>
                <span class="sr">{of(l).text}</span>
              </li>
            ))}
          </ul>
          {(c.notes ?? []).map((n) => <p key={n} class="note small"><Icon name="warn" size={13} /> {m.beside} <bdi lang="en">{n}</bdi></p>)}
          <Findings list={c.findings ?? []} />
          <details class="more">
            <summary>{m.layerDetails}</summary>
            <dl class="layer-facts">
              {layers.map((l) => (
                <div key={l.layer}>
                  <dt class={of(l).look === "missing" ? "bad" : ""}>{l.layer} · <bdi>{name(l)}</bdi></dt>
                  <dd>
                    {of(l).text}{readBack.value && l.detail && <> · <bdi lang="en">{l.detail}</bdi></>}
                    {l.repaired > 0 && <> · {m.repaired(l.repaired, l.repaired_at ? ago(second.value - Date.parse(l.repaired_at)) : "")}</>}
                  </dd>
                </div>
              ))}
            </dl>
            <p class="muted small">
              {m.policy} <code>{c.revision}</code> · {m.generation} {c.generation}
              {c.backend && <> · {m.backend} {c.backend}</>} · {m.since} {stamp(Date.parse(c.since))}
            </p>
            <p class="muted small">{m.outOfReach}</p>
          </details>
          {reads.value && <Lazy load={openProof} />}
          <Changes />
          {me.value && reads.value && <Lazy load={openTunnels} />}
        </>
      )}
    </section>
  );
}

/** Findings are what no rule can change: those of now, and behind a fold those of earlier. */
function Findings({ list }: { list: Finding[] }): JSX.Element | null {
  const m = t.value;
  const now = list.filter((f) => f.current);
  const earlier = list.filter((f) => !f.current);
  if (list.length === 0) return null;
  return (
    <div class="network-findings">
      {now.length > 0 && <h3>{m.findings}</h3>}
      {now.length > 0 && <ul>{now.map((f) => <FindingLine key={f.kind + f.text} f={f} />)}</ul>}
      {earlier.length > 0 && (
        <details class="more">
          <summary>{m.findingsEarlier(earlier.length)}</summary>
          <ul>{earlier.map((f) => <FindingLine key={f.kind + f.text} f={f} />)}</ul>
        </details>
      )}
    </div>
  );
}

function FindingLine({ f }: { f: Finding }): JSX.Element {
  const m = t.value;
  const look = !f.current || f.level === "note" ? "plain" : f.level === "warning" ? "warn" : "bad";
  return (
    <li class={look} data-finding={f.kind}>
      <Icon name={look === "plain" ? "question" : "warn"} size={15} />
      <div>
        <p><bdi>{m.finding(f)}</bdi> <span class="muted small">{m.findingWhen(stamp(Date.parse(f.first)), ago(second.value - Date.parse(f.last)))}</span></p>
        <p class="small">→ <bdi>{m.findingFix(f)}</bdi></p>
      </div>
    </li>
  );
}
