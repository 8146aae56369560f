import type { JSX } from "preact";
import type { Signal } from "@preact/signals";
import { get } from "../api";
import { count, t, word } from "../i18n";
import { Icon } from "../icons";
import { Trouble } from "../trouble";
import { words } from "./words";

interface Report {
  ok: boolean;
  entries: number;
  list: string;
  key: string;
  heads: number;
  problem?: string;
  findings?: { kind: string; seq: number; last: number; detail: string }[];
  mirrors?: { path: string; heads: number; problem?: string }[];
}

/** Verification is what is known of the log's being whole. */
export type Verification = { is: "none" } | { is: "running" } | { is: "failed"; trouble: unknown } | { is: "done"; report: Report };

/** VerifyButton has the recorder check the log. */
export function VerifyButton({ verification }: { verification: Signal<Verification> }): JSX.Element {
  const m = words.value;
  const run = async (): Promise<void> => {
    verification.value = { is: "running" };
    try {
      verification.value = { is: "done", report: await get<Report>("audit/verify") };
    } catch (trouble) {
      verification.value = { is: "failed", trouble };
    }
  };
  return <button class="primary" title={m.verifyTitle} disabled={verification.value.is === "running"} onClick={() => void run()}><Icon name="shield" size={14} /> {m.verify}</button>;
}

/** VerifyResult says what was found, finding by finding. */
export function VerifyResult({ verification }: { verification: Signal<Verification> }): JSX.Element | null {
  const m = words.value;
  const v = verification.value;
  switch (v.is) {
    case "none":
      return null;
    case "running":
      return <div class="panel verify" role="status"><span class="spinner small-spinner" /> {m.verifying}</div>;
    case "failed":
      return <Trouble of={v.trouble} />;
    case "done":
      return (
        <div class={"panel verify " + (v.report.ok ? "whole" : "damaged")} role="status" data-verified={v.report.ok}>
          <Icon name={v.report.ok ? "shield" : "warn"} size={26} />
          <div class="verify-text">
            <strong>{v.report.ok ? m.verified : m.broken}</strong>
            <p>{v.report.ok ? m.verifiedText(count(v.report.entries), count(v.report.heads)) : v.report.problem}</p>
            {!v.report.ok && <Findings report={v.report} />}
            <dl class="verify-facts">
              <div><dt>{m.keyId}</dt><dd><code>{v.report.key}</code></dd></div>
              <div><dt>{m.listId}</dt><dd><code>{v.report.list}</code></dd></div>
              {v.report.mirrors?.map((x) => <div key={x.path}><dt>{m.mirror} <bdi>{x.path}</bdi></dt><dd>{x.problem ? <bdi class="warn-text">{x.problem}</bdi> : m.mirrorHeads(count(x.heads))}</dd></div>)}
            </dl>
            <p class="small muted">{m.keyHint}</p>
          </div>
          <button class="quiet icon-only" aria-label={t.value.close} onClick={() => (verification.value = { is: "none" })}><Icon name="cross" size={14} /></button>
        </div>
      );
  }
}

function Findings({ report }: { report: Report }): JSX.Element {
  const m = words.value;
  return (
    <ul class="findings">
      {report.findings?.map((f, i) => (
        <li key={i}>
          {f.seq > 0 && <b>{m.findingAt(count(f.seq), count(f.last))} </b>}
          <b>{word(m.findingKind, f.kind)}</b>{f.detail && <> · <bdi>{f.detail}</bdi></>}
        </li>
      ))}
    </ul>
  );
}
