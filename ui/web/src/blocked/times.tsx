import type { JSX } from "preact";
import type { Attempt } from "../api";
import { count } from "../i18n";
import { stamp } from "../time";
import { words } from "./words";

const width = 600;
const height = 36;

/** Times shows when an attempt's packets came: a bar for each stretch of time, higher by orders of magnitude. */
export function Times({ of: a }: { of: Attempt }): JSX.Element | null {
  const m = words.value;
  const list = a.times ?? [];
  const first = list[0];
  const last = list[list.length - 1];
  if (!first || !last) return null;
  const from = Date.parse(first.start);
  const to = Math.max(Date.parse(last.start) + last.width * 1000, from + 3_600_000);
  const most = Math.log1p(Math.max(...list.map((s) => s.count)));
  const x = (ms: number): number => ((ms - from) / (to - from)) * width;
  return (
    <>
      <h3>{m.when}</h3>
      <svg class="times" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={m.timesFrom(stamp(from), list.length)} preserveAspectRatio="none">
        {list.map((s) => {
          const high = Math.max((Math.log1p(s.count) / most) * height, 2);
          return (
            <rect key={s.start} x={x(Date.parse(s.start))} y={height - high} height={high} width={Math.max((s.width * 1000 * width) / (to - from) - 0.5, 1.5)}>
              <title>{stamp(Date.parse(s.start))} · {count(s.count)}</title>
            </rect>
          );
        })}
      </svg>
      <p class="muted small">{stamp(from)} – {stamp(to)}{a.earlier ? <> · {m.earlier(count(a.earlier))}</> : null}</p>
    </>
  );
}
