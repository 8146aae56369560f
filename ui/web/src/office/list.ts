import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { get } from "../api";

/** List is what the recorder said last of some rows. */
export interface List<T> {
  /** undefined until it answered */
  rows: T[] | undefined;
  trouble: unknown;
  read: () => Promise<void>;
}

/** useList reads {key: rows} at a path, at once and again when asked to; every so many ms if a rhythm is given. */
export function useList<T>(path: string, key: string, every = 0): List<T> {
  const rows = useSignal<T[] | undefined>(undefined);
  const trouble = useSignal<unknown>(undefined);
  const read = async (): Promise<void> => {
    try {
      rows.value = (await get<Record<string, T[]>>(path))[key] ?? [];
      trouble.value = undefined;
    } catch (e) {
      trouble.value = e;
    }
  };
  useEffect(() => {
    rows.value = undefined;
    void read();
    if (every === 0) return;
    const timer = setInterval(() => document.visibilityState === "visible" && void read(), every);
    return () => clearInterval(timer);
  }, [path]);
  return { rows: rows.value, trouble: trouble.value, read };
}
