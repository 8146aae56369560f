import type { JSX } from "preact";
import { render } from "preact";
import { effect } from "@preact/signals";
import { Attempts } from "./attempts";
import { ContainmentPanel } from "./containment";
import { language, t, word } from "./i18n";
import { Recordings } from "./recordings";
import { applyTheme, Banners, Header, tone } from "./shell";
import { badge, site, start } from "./store";
import { view } from "./view";
import { Viewer } from "./viewer";
import { Wall } from "./wall";
import "./live";
import "./timeline";

function Page(): JSX.Element {
  return (
    <>
      <Header />
      <Banners />
      <main>
        <div class="column">
          {view.value ? <Viewer /> : <Wall />}
          <Recordings />
        </div>
        <div class="column">
          <ContainmentPanel />
          <Attempts />
        </div>
      </main>
    </>
  );
}

applyTheme();
effect(() => {
  document.documentElement.lang = language.value;
  const alarm = tone() === "ok" ? "" : word(t.value.state, badge.value).toUpperCase() + " · ";
  document.title = alarm + (site.value ? `${site.value.name} · Stockade` : "Stockade");
});
start();
render(<Page />, document.getElementById("app")!);
