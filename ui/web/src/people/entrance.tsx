import type { ComponentChildren, JSX } from "preact";
import { t } from "../i18n";
import { Icon } from "../icons";
import { session } from "../session";
import { Switches } from "../shell";
import { Setup } from "./setup";
import { SignIn } from "./signin";
import { ChoosePassword, Enrol, SecondFactor } from "./steps";
import { words } from "./words";

/** Entrance is what is seen before the house: signing in, step by step, or the first run. */
export function Entrance(): JSX.Element {
  const s = session.value;
  const need = s?.need ?? [];
  const step = (): JSX.Element => {
    if (s?.state === "setup") return <Setup />;
    if (s?.state !== "partial") return <SignIn />;
    if (need.includes("password")) return <ChoosePassword />;
    if (need.includes("enrol")) return <Enrol />;
    return <SecondFactor />;
  };
  return <Frame>{step()}</Frame>;
}

function Frame({ children }: { children: ComponentChildren }): JSX.Element {
  const m = words.value;
  return (
    <div class="entrance">
      <aside>
        <div class="palisade" aria-hidden="true"><Icon name="mark" size={420} /></div>
        <p class="brand"><Icon name="mark" size={26} /> <span>{t.value.appName}</span></p>
        <div>
          <p class="aside-site"><bdi>{session.value?.site.name}</bdi></p>
          <p class="aside-line">{m.tagline}</p>
        </div>
      </aside>
      <div class="entrance-side">
        <header>
          <p class="brand"><Icon name="mark" size={22} /> <span>{t.value.appName}</span> <span class="site"><bdi>{session.value?.site.name}</bdi></span></p>
          <Switches />
        </header>
        <main class="card">{children}</main>
      </div>
    </div>
  );
}
