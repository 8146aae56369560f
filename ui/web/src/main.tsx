import type { ComponentType, JSX } from "preact";
import { render } from "preact";
import { useRef } from "preact/hooks";
import { effect } from "@preact/signals";
import { ContainmentPanel } from "./containment";
import { language, settled, t, word } from "./i18n";
import { Lazy } from "./lazy";
import { takeNote } from "./memory";
import { Recordings } from "./recordings";
import { go, page } from "./route";
import { inside, may, me, readSession, reads, session, unanswered } from "./session";
import { Banners, Header, tone } from "./shell";
import { badge, site, start } from "./store";
import { applyTheme } from "./theme";
import { view } from "./view";
import { Viewer } from "./viewer";
import { attend } from "./waiting";
import { Wall } from "./wall";
import "./live";
import "./timeline";

/** What most people never open, or only for a moment, is loaded when they do. */
const entrance = (): Promise<ComponentType> => import("./people/entrance").then((m) => m.Entrance);
const tunnelPage = (): Promise<ComponentType> => import("./office/tunnelpage").then((m) => m.TunnelPage);
const office = (): Promise<ComponentType> => import("./office/office").then((m) => m.Office);

const attempts = (): Promise<ComponentType> => import("./attempts").then((m) => m.Attempts);

/** House is what the recorder is for: cameras, recordings, and what was blocked. */
function House(): JSX.Element {
  return (
    <main class={reads.value ? "" : "one-column"}>
      <div class="column">
        {view.value ? <Viewer /> : <Wall />}
        {may("playback") && <Recordings />}
      </div>
      {reads.value && (
        <div class="column">
          <ContainmentPanel />
          <Lazy load={attempts} />
        </div>
      )}
    </main>
  );
}

function Page(): JSX.Element {
  const begun = useRef(false);
  const s = session.value;
  if (!s) return <p class="page-wait" role="status">{unanswered.value && <><span class="spinner" /> {t.value.noAnswer}</>}</p>;
  if (!begun.current && !settled.value) return <p class="page-wait" role="status"><span class="spinner" /></p>;
  begun.current = true; // from now on what was typed outlives a change of language
  if (!inside.value) return <Lazy load={entrance} />;
  if (location.pathname.startsWith("/tunnel/")) return <Lazy load={tunnelPage} />;
  return (
    <>
      <Header />
      <Banners />
      {page.value === "house" || (!me.value && page.value !== "devices") ? <House /> : <Lazy load={office} />}
    </>
  );
}

applyTheme();
effect(() => {
  document.documentElement.lang = language.value;
  const m = t.value;
  const name = site.value?.name ?? session.value?.site.name;
  const parts = [name, m.appName].filter(Boolean);
  if (!inside.value) {
    document.title = parts.join(" · ");
    return;
  }
  const at = { house: "", devices: m.navDevicesLong, users: m.navUsersLong, account: m.navAccount, audit: m.navAuditLong }[page.value];
  const alarm = tone() === "ok" ? "" : word(m.state, badge.value).toUpperCase();
  document.title = [alarm, at, ...parts].filter(Boolean).join(" · ");
});
// The house is furnished once it may be entered: see session.ts for why only once.
const furnish = effect(() => {
  if (!inside.value) return;
  queueMicrotask(() => {
    furnish();
    const wanted = takeNote("return"); // left before a sign-on provider sent the person back
    if (wanted?.startsWith("#") && !location.hash) go(wanted, true);
    start();
    attend();
  });
});
void readSession();
render(<Page />, document.getElementById("app")!);
