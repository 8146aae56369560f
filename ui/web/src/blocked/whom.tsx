import type { ComponentChildren, JSX } from "preact";
import type { Attempt } from "../api";
import { language } from "../i18n";
import { words } from "./words";

/** Cloud is whose service a destination is, as a mark in the list; a port alone is a weak sign, and said to be one. */
export function Cloud({ a }: { a: Attempt }): JSX.Element | null {
  const c = a.cloud;
  if (!c) return null;
  const m = words.value;
  const weak = c.by === "port";
  return (
    <span class={"mark cloud" + (weak ? " weak" : "")} title={`${c.service}: ${m.cloudBy(c.match, c.by)}`}>
      <bdi>{c.service}</bdi>{weak && <span>{m.byPort}</span>}
    </span>
  );
}

/** region writes a country as China (CN); a code that nobody knows stands alone. */
function region(code: string): string {
  const name = /^[A-Z]{2}$/.test(code) ? new Intl.DisplayNames(language.value, { type: "region" }).of(code) : undefined;
  return name && name !== code ? `${name} (${code})` : code;
}

/** Wide is a fact that needs the whole width, below the others. */
function Wide({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return <div class="wide"><dt>{name}</dt><dd>{children}</dd></div>;
}

/** Whom is what is known of who an attempt was for: what it said, whose network that is, whose cloud. */
export function Whom({ of: a, fact: Fact }: { of: Attempt; fact: (p: { name: string; children: ComponentChildren }) => JSX.Element }): JSX.Element {
  const m = words.value;
  const c = a.cloud;
  return (
    <>
      {a.country && <Fact name={m.country}>{region(a.country)}</Fact>}
      {a.network && <Fact name={m.network}><bdi>{a.network}</bdi></Fact>}
      {a.said && a.said.length > 0 && (
        <Wide name={m.said}>
          {a.said.map((s) => (
            <div key={s.by + s.name}>
              <span class="muted">{m.saidBy[s.by] ?? s.by}</span> <bdi>{s.name || m.noHost}</bdi>{s.detail && <> · <code><bdi>{s.detail}</bdi></code></>}
            </div>
          ))}
          {a.said_more && <div class="muted">{m.saidMore}</div>}
        </Wide>
      )}
      {c && (
        <Wide name={m.cloud}>
          <bdi>{c.service}</bdi>{c.owner && <> · <bdi>{c.owner}</bdi></>}
          <div>{m.cloudBy(c.match, c.by)}</div>
          <div class="muted">{m.cloudSource(c.source, c.seen)}</div>
        </Wide>
      )}
    </>
  );
}
