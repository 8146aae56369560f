import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, send } from "../api";
import { count } from "../i18n";
import { is, me } from "../session";
import { useTask } from "../task";
import { shortStamp } from "../time";
import { Trouble, TroubleLine } from "../trouble";
import { words } from "./words";

interface Reviewed {
  up_to?: string;
  unreviewed: number;
  more: boolean;
  reviews: { user: string; name: string; up_to: string; at: string }[];
}

const askEvery = 15_000; // ms

/** Review says how much is new since one last signed off, and signs off up to an instant; undefined: not from here. */
export function Review({ upTo }: { upTo: string | undefined }): JSX.Element | null {
  const m = words.value;
  const state = useSignal<Reviewed | undefined>(undefined);
  const failed = useSignal<unknown>(undefined);
  const task = useTask();
  const read = async (signal?: AbortSignal): Promise<void> => {
    try {
      state.value = await get<Reviewed>("attempts/reviewed", {}, signal);
      failed.value = undefined;
    } catch (e) {
      if (!signal?.aborted) failed.value = e;
    }
  };
  useEffect(() => {
    if (!me.peek()) return;
    const stop = new AbortController();
    void read(stop.signal);
    const timer = setInterval(() => void read(stop.signal), askEvery);
    return () => {
      stop.abort();
      clearInterval(timer);
    };
  }, []);
  const s = state.value;
  if (!me.value) return null;
  const sign = async (): Promise<void> => {
    await send("POST", "attempts/reviewed", { up_to: upTo });
    await read();
  };
  const n = s ? count(s.unreviewed) + (s.more ? "+" : "") : "";
  const latest = s?.reviews[0];
  const mine = is("admin") && s !== undefined && s.unreviewed > 0 && upTo !== undefined;
  return (
    <div class="review" title={latest && m.lastReview(latest.name, shortStamp(Date.parse(latest.up_to)))}>
      {s && (
        <span class={s.unreviewed > 0 ? "" : "muted"} data-unreviewed={s.unreviewed}>
          {s.unreviewed === 0 ? m.allReviewed : s.up_to ? m.unreviewed(n) : m.neverReviewed(n)}
        </span>
      )}
      {mine && <button class="small" title={m.reviewTitle} disabled={task.busy} onClick={() => void task.run(sign)}>{m.review}</button>}
      {mine && <Trouble of={task.trouble} />}
      <TroubleLine of={failed.value} />
    </div>
  );
}
