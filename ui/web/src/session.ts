// Who looks at the page, and what they may see of it.
//
// A document belongs to one person: when the session ends, or becomes another
// person's, the document is loaded anew, so that nothing of one stays in the
// memory of the other's page.

import { computed, signal } from "@preact/signals";
import { get, refusals, repeatWith, send } from "./api";
import type { Camera } from "./api";
import type { Right, Role, Session } from "./accounts";
import { choose, siteLanguage } from "./i18n";
import { leaveNote, takeNote } from "./memory";
import { acted, minute } from "./presence";
import { setTheme } from "./theme";

export const session = signal<Session | undefined>(undefined);
/** unanswered tells that the recorder has not said who one is. */
export const unanswered = signal(false);

/** me is the person signed in; nobody where there are no accounts. */
export const me = computed(() => (session.value?.state === "signed-in" ? session.value.user : undefined));
/** inside tells whether the house may be shown. */
export const inside = computed(() => isInside(session.value));

function isInside(s: Session | undefined): boolean {
  return s?.state === "open" || s?.state === "signed-in";
}

/** is tells whether the person has one of the roles; without accounts everybody reads as an auditor does. */
export function is(...roles: Role[]): boolean {
  const s = session.value;
  return s?.state === "open" ? roles.includes("auditor") : me.value !== undefined && roles.includes(me.value.role);
}

/** reads tells whether the person sees what admins see. */
export const reads = computed(() => is("admin", "auditor"));

/** may tells whether the person has a right, on a camera if one is given. */
export function may(right: Right, camera?: Camera): boolean {
  const u = me.value;
  if (!u) return session.value?.state === "open" && right !== "ptz";
  if (!u.rights.includes(right)) return false;
  return !camera || u.all || u.cameras.includes(camera.id) || (camera.groups ?? []).some((g) => u.groups.includes(g));
}

/** why the last document of this tab ended, for the sign-in page to say */
export type Farewell = "ended" | "signed-out";

/** farewell gives that once. */
export function farewell(): Farewell | undefined {
  const v = takeNote("farewell");
  return v === "ended" || v === "signed-out" ? v : undefined;
}

const others = new BroadcastChannel("session");
others.onmessage = () => void readSession();

/** tookSession takes how things are now, as several requests answer it. */
export function tookSession(next: Session): void {
  const before = session.value;
  if (isInside(before) && (!isInside(next) || next.user?.id !== before?.user?.id)) {
    leave("ended");
    return;
  }
  repeatWith(next.csrf ?? "");
  siteLanguage.value = next.site.language.startsWith("ko") ? "ko" : "en";
  const arrived = next.state === "signed-in" && before?.user?.id !== next.user?.id;
  if (arrived || (next.state === "signed-in" && before?.state !== "signed-in")) prefer(next);
  session.value = next;
  unanswered.value = false;
}

/** changedSession takes the answer of a step of signing in, and has other tabs look again. */
export function changedSession(next: Session): void {
  tookSession(next);
  others.postMessage("changed");
}

/** prefer follows what the person chose at whatever browser. */
function prefer(s: Session): void {
  const u = s.user;
  if (u?.language === "en" || u?.language === "ko") choose(u.language);
  if (u?.theme === "light" || u?.theme === "dark" || u?.theme === "auto") setTheme(u.theme);
}

let reading: Promise<void> | undefined;
let leaving = false;

/** readSession asks how things are; of several at once there is one request. */
export function readSession(): Promise<void> {
  reading ??= get<Session>("session")
    .then(tookSession)
    .catch(() => {
      unanswered.value = session.peek() === undefined;
      if (unanswered.peek()) setTimeout(() => void readSession(), 2000);
    })
    .finally(() => (reading = undefined));
  return reading;
}

function leave(why: Farewell): void {
  if (leaving) return;
  leaving = true;
  others.postMessage("changed");
  leaveNote("farewell", why);
  location.reload();
}

/** signOut ends the session here and takes the page back to its beginning. */
export async function signOut(): Promise<void> {
  await send("DELETE", "session");
  history.replaceState(null, "", location.pathname);
  leave("signed-out");
}

// Who only looks at pictures asks for nothing: that they are there is told all the same.
setInterval(() => me.peek() && acted() && void readSession(), minute);

refusals.subscribe((n) => {
  if (n > 0) void readSession();
});
