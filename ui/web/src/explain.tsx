import type { ComponentChildren, JSX } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "./api";
import type { Attempt } from "./api";
import { Times } from "./blocked/times";
import { Whom } from "./blocked/whom";
import { portText } from "./filter";
import { bytes, count, t, word } from "./i18n";
import { containment } from "./store";
import { stamp } from "./time";
import { TroubleLine } from "./trouble";

function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return <div><dt>{name}</dt><dd>{children}</dd></div>;
}

/** dump writes bytes as offset, hexadecimal and printable characters. */
export function dump(base64: string): string {
  const raw = atob(base64);
  const lines: string[] = [];
  for (let at = 0; at < raw.length; at += 16) {
    const piece = [...raw.slice(at, at + 16)].map((c) => c.charCodeAt(0));
    const hex = piece.map((b) => b.toString(16).padStart(2, "0")).join(" ");
    const text = piece.map((b) => (b >= 32 && b < 127 ? String.fromCharCode(b) : "·")).join("");
    lines.push(at.toString(16).padStart(4, "0") + "  " + hex.padEnd(47) + "  " + text);
  }
  return lines.join("\n");
}

/** Explain says which rule dropped the packets of an attempt, and why. */
export function Explain({ attempt: a }: { attempt: Attempt }): JSX.Element {
  const m = t.value;
  const evidence = useSignal<string | null | undefined>(a.evidence);
  const full = useSignal<Attempt | undefined>(undefined);
  const failed = useSignal<unknown>(undefined);
  useEffect(() => {
    if (evidence.value !== undefined) return;
    const stop = new AbortController();
    get<Attempt>("attempts/" + encodeURIComponent(a.id), {}, stop.signal)
      .then((read) => {
        full.value = read;
        evidence.value = read.evidence ?? null;
      })
      .catch((e: unknown) => {
        if (!stop.signal.aborted) failed.value = e;
      });
    return () => stop.abort();
  }, [a.id]);
  const layer = containment.value?.layers?.find((l) => l.layer === a.layer);
  return (
    <div class="explain-box">
      <p class="why">{word(m.why, a.reason)}</p>
      {(a.overflow || a.scan) && <p class="why overflow">{a.scan ? m.xScan : m.xOverflow}</p>}
      <dl>
        <Fact name={m.xLayer}>{a.layer}{(m.layer[a.layer.slice(0, 2)] ?? layer?.name) && <> · <bdi>{m.layer[a.layer.slice(0, 2)] ?? layer?.name}</bdi></>}</Fact>
        <Fact name={m.xRule}><code><bdi>{a.rule}</bdi></code></Fact>
        <Fact name={m.xRevision}><code><bdi>{a.revision}</bdi></code></Fact>
        {a.host && <Fact name={m.xName}><bdi>{a.host}</bdi></Fact>}
        {!a.overflow && !a.scan && <Fact name={m.xAddress}><code><bdi>{a.address}</bdi></code> {portText(a)}</Fact>}
        <Whom of={a} fact={Fact} />
        <Fact name={m.xDevice}><bdi>{a.device || m.unknownDevice}</bdi></Fact>
        {!a.overflow && <Fact name={m.xSource}><code><bdi>{a.source || "–"}</bdi></code></Fact>}
        {!a.overflow && a.mac && <Fact name={m.xMac}><code><bdi>{a.mac}</bdi></code></Fact>}
        {a.ingress && <Fact name={m.xIngress}><code><bdi>{a.ingress}</bdi></code></Fact>}
        <Fact name={m.xFirst}>{stamp(Date.parse(a.first))}</Fact>
        <Fact name={m.xLast}>{stamp(Date.parse(a.last))}</Fact>
        <Fact name={m.colTries}>{count(a.count)}</Fact>
        {a.bytes !== undefined && <Fact name={m.xBytes}>{bytes(a.bytes)}</Fact>}
      </dl>
      {full.value && <Times of={full.value} />}
      <h3>{m.xEvidence}</h3>
      {evidence.value === undefined && failed.value === undefined && <p class="muted small">{m.xReading}</p>}
      <TroubleLine of={failed.value} />
      {evidence.value === null && <p class="muted small">{m.xNoEvidence}</p>}
      {evidence.value && <pre class="dump" tabIndex={0}>{dump(evidence.value)}</pre>}
    </div>
  );
}
