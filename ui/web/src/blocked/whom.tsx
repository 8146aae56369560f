import type { ComponentChildren, JSX } from "preact";
import type { Attempt } from "../api";
import { words } from "./words";

/** Cloud is whose service a destination is, and what that was told by, as a mark in the list. */
export function Cloud({ a }: { a: Attempt }): JSX.Element | null {
  const c = a.cloud;
  if (!c) return null;
  const m = words.value;
  return <span class={"mark cloud" + (c.by === "port" ? " weak" : "")} title={m.cloudBy(c.match, c.by)}><bdi>{c.service}</bdi>{c.by === "port" && " ?"}</span>;
}

/** Whom is what is known of who an attempt was for: what it said, whose network that is, whose cloud. */
export function Whom({ of: a, fact: Fact }: { of: Attempt; fact: (p: { name: string; children: ComponentChildren }) => JSX.Element }): JSX.Element | null {
  const m = words.value;
  const c = a.cloud;
  return (
    <>
      {(a.said ?? []).map((s) => (
        <Fact key={s.by + s.name + (s.detail ?? "")} name={m.saidBy[s.by] ?? s.by}>
          {s.name && <bdi>{s.name}</bdi>}{s.detail && <> <span class="muted"><bdi>{s.detail}</bdi></span></>}
        </Fact>
      ))}
      {a.said_more && <Fact name={m.saidMore}>…</Fact>}
      {a.country && <Fact name={m.country}>{a.country}</Fact>}
      {a.network && <Fact name={m.network}><bdi>{a.network}</bdi></Fact>}
      {c && (
        <Fact name={m.cloud}>
          <bdi>{c.service}</bdi>{c.owner && <> · <bdi>{c.owner}</bdi></>}
          <span class="muted"> {m.cloudBy(c.match, c.by)}. {m.cloudSource(c.source, c.seen)}</span>
        </Fact>
      )}
    </>
  );
}
