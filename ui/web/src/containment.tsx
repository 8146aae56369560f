import type { JSX } from "preact";
import { ago, count, t, word } from "./i18n";
import { Icon } from "./icons";
import { tone } from "./shell";
import { badge, containment } from "./store";
import { second, stamp } from "./time";

/** Counters is the account of dropped packets (C11). */
export function Counters(): JSX.Element | null {
  const m = t.value;
  const n = containment.value?.counted;
  if (!n) return null;
  return (
    <p class="counters">
      <span title={m.countedTitle}>{m.counted} <b>{count(n.dropped)}</b></span>
      <span title={m.readTitle}>{m.read} <b>{count(n.read)}</b></span>
      <span title={m.lostTitle} class={n.lost > 0 ? "warn" : ""}>{m.lostPackets} <b>{count(n.lost)}</b></span>
      <span title={m.suppressedTitle}>{m.suppressed} <b>{count(n.suppressed)}</b></span>
    </p>
  );
}

export function ContainmentPanel(): JSX.Element {
  const m = t.value;
  const c = containment.value;
  const layers = c?.layers ?? [];
  const holds = layers.filter((l) => l.holds).length;
  return (
    <section id="containment" class="panel" aria-labelledby="h-containment">
      <div class="panel-head">
        <h2 id="h-containment">{m.containment}</h2>
        <span class={"state " + tone()} title={badge.value === "enforced" ? m.enforcedTitle : ""}>{word(m.state, badge.value)}</span>
        {c && <span class="muted">{m.layersRead(holds, layers.length)} · {m.checked(ago(second.value - Date.parse(c.checked)))}</span>}
      </div>
      {c && (
        <>
          <ul class="layers">
            {layers.map((l) => (
              <li key={l.layer} class={l.holds ? "holds" : "missing"} title={l.name + "\n" + (l.detail ?? "")}>
                <Icon name={l.holds ? "check" : "cross"} size={13} />
                <b>{l.layer}</b>
                <span class="name"><bdi>{l.name}</bdi></span>
                <span class="sr">{l.holds ? m.layerHolds : m.layerMissing}</span>
              </li>
            ))}
          </ul>
          <details class="more">
            <summary>{m.layerDetails}</summary>
            <dl class="layer-facts">
              {layers.map((l) => (
                <div key={l.layer}>
                  <dt class={l.holds ? "" : "bad"}>{l.layer} · <bdi>{l.name}</bdi></dt>
                  <dd>
                    {l.holds ? m.layerHolds : m.layerMissing}{l.detail && <> · <bdi>{l.detail}</bdi></>}
                    {l.repaired > 0 && <> · {m.repaired(l.repaired, l.repaired_at ? ago(second.value - Date.parse(l.repaired_at)) : "")}</>}
                  </dd>
                </div>
              ))}
            </dl>
            <p class="muted small">
              {m.policy} <code>{c.revision}</code> · {m.generation} {c.generation}
              {c.backend && <> · {m.backend} {c.backend}</>} · {m.since} {stamp(Date.parse(c.since))}
            </p>
            <p class="muted small">{m.outOfReach} {m.enforcedTitle}</p>
          </details>
        </>
      )}
    </section>
  );
}
