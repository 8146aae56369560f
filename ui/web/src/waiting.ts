// What waits for a second admin, so that an admin sees it on whatever page.

import { signal } from "@preact/signals";
import { get } from "./api";
import type { Confirmation } from "./accounts";
import { is, me } from "./session";
import { site } from "./store";

/** how often it is looked for, ms */
const rhythm = 15_000;

/** waiting counts what waits for this admin: what others asked for. */
export const waiting = signal(0);

async function look(): Promise<void> {
  if (!site.peek()?.two_persons || !is("admin") || document.visibilityState === "hidden") return;
  const own = me.peek()?.id;
  const { confirmations } = await get<{ confirmations: Confirmation[] }>("confirmations");
  waiting.value = confirmations.filter((c) => c.by_id !== own).length;
}

/** attend begins to look. */
export function attend(): void {
  const quietly = (): void => void look().catch(() => undefined); // the banner says when there is no contact
  setInterval(quietly, rhythm);
  site.subscribe((s) => s?.two_persons && quietly());
}
