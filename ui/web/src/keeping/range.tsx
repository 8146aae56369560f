import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import type { Marked } from "../holds";
import { Field, Text } from "../people/fields";
import { cameras } from "../store";
import { fromText, now, stamp } from "../time";
import { words } from "./words";

/** RangeFields is a camera and a range of its footage, as they are typed. */
export interface RangeFields {
  camera: string;
  from: string;
  to: string;
  change: (next: Partial<{ camera: string; from: string; to: string }>) => void;
  /** times gives the range; undefined when it is none */
  times: () => { from: string; to: string } | undefined;
}

/** second cuts to whole seconds, which is what people type: outwards, so that nothing that was marked is left out. */
function outward(ms: number, up: boolean): number {
  return (up ? Math.ceil : Math.floor)(ms / 1000) * 1000;
}

/** useRange begins with what was marked, or with the last ten minutes. */
export function useRange(of: Partial<Marked>): RangeFields {
  const to = of.to ?? now();
  const typed = useSignal({
    camera: of.camera ?? cameras.value?.[0]?.id ?? "",
    from: stamp(outward(of.from ?? to - 600_000, false)),
    to: stamp(outward(to, true)),
  });
  return {
    ...typed.value,
    change: (next) => (typed.value = { ...typed.value, ...next }),
    times: () => {
      const a = fromText(typed.value.from);
      const b = fromText(typed.value.to);
      return a === undefined || b === undefined || a >= b ? undefined : { from: new Date(a).toISOString(), to: new Date(b).toISOString() };
    },
  };
}

/** Range is the fields of a range. */
export function Range({ of, may }: { of: RangeFields; may: (camera: string) => boolean }): JSX.Element {
  const m = words.value;
  return (
    <>
      <Field label={m.camera}>
        {(id) => (
          <select id={id} value={of.camera} onChange={(e) => of.change({ camera: e.currentTarget.value })}>
            {(cameras.value ?? []).filter((c) => may(c.id)).map((c) => <option key={c.id} value={c.id}>{c.name}</option>)}
          </select>
        )}
      </Field>
      <div class="range-fields">
        <Text label={m.from} value={of.from} change={(from) => of.change({ from })} required />
        <Text label={m.to} value={of.to} change={(to) => of.change({ to })} required />
        <span class="hint">{m.timeHint}</span>
      </div>
    </>
  );
}
