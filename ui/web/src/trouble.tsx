import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Problem } from "./api";
import { t, word } from "./i18n";
import { Icon } from "./icons";

/** Told is a failure that the page found itself, with its words. */
export class Told extends Error {
  readonly fix: string;
  constructor(message: string, fix: string) {
    super(message);
    this.fix = fix;
  }
}

/** told gives what a failure is, in the language of the page where that is known. */
export function told(e: unknown): { what: string; fix: string } {
  const m = t.value;
  if (e instanceof Told) return { what: e.message, fix: e.fix };
  if (!(e instanceof Problem) || e.status === 0) return { what: m.noAnswer, fix: m.noAnswerFix };
  if (e.status === 202) return { what: m.waits, fix: m.waitsText };
  return { what: sentence(word(m.problem, e.message)), fix: sentence(word(m.problem, e.fix)) };
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Trouble says what went wrong and what to do about it, or that somebody else must agree first. */
export function Trouble({ of }: { of: unknown }): JSX.Element | null {
  const left = useLeft(retryAt(of));
  if (of === undefined) return null;
  const { what, fix } = told(of);
  return (
    <div class={"trouble" + (waits(of) ? " waits" : "")} role="alert">
      <Icon name={waits(of) ? "people" : "warn"} size={18} />
      <div>
        <strong><bdi>{what}</bdi></strong>
        {fix && <p><bdi>{fix}</bdi></p>}
        {retryAt(of) > 0 && <p class="countdown" aria-live="off">{left > 0 ? t.value.againIn(clockText(left)) : t.value.againNow}</p>}
      </div>
    </div>
  );
}

/** TroubleLine says the same in a line, where something is read time and again by itself. */
export function TroubleLine({ of, look = "" }: { of: unknown; look?: string }): JSX.Element | null {
  if (of === undefined) return null;
  const { what, fix } = told(of);
  return <p class={"small bad " + look} role="status"><bdi>{what}</bdi>{fix && <> → <bdi>{fix}</bdi></>}</p>;
}

/** waits tells whether something is done once a second admin has confirmed it. */
export function waits(e: unknown): boolean {
  return e instanceof Problem && e.status === 202;
}

/** retryAt gives when something may be tried again, by performance.now(); 0 when that is open. */
export function retryAt(e: unknown): number {
  return e instanceof Problem ? e.retryAt : 0;
}

function secondsTo(at: number): number {
  return at === 0 ? 0 : Math.max(0, Math.ceil((at - performance.now()) / 1000));
}

/** useLeft counts the seconds down to an instant of performance.now(). */
export function useLeft(at: number): number {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (secondsTo(at) === 0) return;
    const timer = setInterval(() => {
      redraw((n) => n + 1);
      if (secondsTo(at) === 0) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [at]);
  return secondsTo(at);
}

/** clockText writes 0:42. */
export function clockText(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
