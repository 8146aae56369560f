import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, send, trouble } from "../api";
import { count } from "../i18n";
import { is, me } from "../session";
import { attempts } from "../store";
import { shortStamp } from "../time";
import { words } from "./words";

interface Reviewed {
  up_to?: string;
  unreviewed: number;
  more: boolean;
  reviews: { user: string; name: string; up_to: string; at: string }[];
}

const askEvery = 15_000; // ms

/** newest is the last sighting of the newest attempt that is shown. */
function newest(): string | undefined {
  let last: string | undefined;
  for (const a of attempts.values()) if (last === undefined || Date.parse(a.last) > Date.parse(last)) last = a.last;
  return last;
}

/** Review says how much is new since one last signed off, and signs off. */
export function Review(): JSX.Element | null {
  const m = words.value;
  const state = useSignal<Reviewed | undefined>(undefined);
  const failed = useSignal<{ why: string; fix: string } | undefined>(undefined);
  const read = (signal?: AbortSignal): Promise<void> =>
    get<Reviewed>("attempts/reviewed", {}, signal).then((r) => void (state.value = r)).catch((e: unknown) => {
      if (!signal?.aborted) failed.value = trouble(e);
    });
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
  if (!me.value || !s) return null;
  const sign = async (): Promise<void> => {
    const upTo = newest();
    if (upTo === undefined) return;
    failed.value = undefined;
    try {
      await send("POST", "attempts/reviewed", { up_to: upTo });
      await read();
    } catch (e) {
      failed.value = trouble(e);
    }
  };
  const n = count(s.unreviewed) + (s.more ? "+" : "");
  const latest = s.reviews[0];
  return (
    <p class="review" title={latest && m.lastReview(latest.name, shortStamp(Date.parse(latest.up_to)))}>
      <span class={s.unreviewed > 0 ? "" : "muted"} data-unreviewed={s.unreviewed}>
        {s.unreviewed === 0 ? m.allReviewed : s.up_to ? m.unreviewed(n) : m.neverReviewed(n)}
      </span>
      {is("admin") && s.unreviewed > 0 && <button class="small" title={m.reviewTitle} onClick={() => void sign()}>{m.review}</button>}
      {failed.value && <span class="bad small" role="status"><bdi>{failed.value.why}</bdi>{failed.value.fix && <> → <bdi>{failed.value.fix}</bdi></>}</span>}
    </p>
  );
}
