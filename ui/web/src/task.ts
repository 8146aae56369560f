import { useEffect, useRef, useState } from "preact/hooks";
import { retryAt, useLeft } from "./trouble";

/** Task is something that the recorder is asked to do, once at a time. */
export interface Task {
  /** true while it is under way, and while the recorder said to wait */
  busy: boolean;
  /** why it was not done the last time; see Trouble */
  trouble: unknown;
  /** run does it unless it is under way; it gives whether it was done */
  run: (work: () => Promise<void>) => Promise<boolean>;
  clear: () => void;
}

/** useTask keeps the state of a task of a component. */
export function useTask(): Task {
  const [state, set] = useState<{ busy: boolean; trouble?: unknown }>({ busy: false });
  const here = useRef(true);
  const under = useRef(false);
  useEffect(() => () => void (here.current = false), []);
  const left = useLeft(retryAt(state.trouble));
  return {
    busy: state.busy || left > 0,
    trouble: state.trouble,
    clear: () => set({ busy: false }),
    run: async (work) => {
      if (under.current) return false;
      under.current = true;
      set({ busy: true });
      try {
        await work();
        if (here.current) set({ busy: false });
        return true;
      } catch (trouble) {
        if (here.current) set({ busy: false, trouble });
        return false;
      } finally {
        under.current = false;
      }
    },
  };
}
