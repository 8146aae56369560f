import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { choose, ago, language, t, word } from "./i18n";
import type { HealthCheck } from "./api";
import { Icon } from "./icons";
import type { IconName } from "./icons";
import { UserMenu } from "./menu";
import { link, page } from "./route";
import type { Page } from "./route";
import { me, may, reads } from "./session";
import { badge, containment, health, lost, lostSince, recordingBadge, site, unrecorded } from "./store";
import type { Badge } from "./store";
import { isDark, setTheme } from "./theme";
import { clock, day, second, zoneName } from "./time";
import { jump } from "./view";
import { waiting } from "./waiting";

/** state to icon and tone: state is told by icon, words and colour together */
const looks: Record<Badge, { icon: IconName; tone: "ok" | "warn" | "bad" }> = {
  contained: { icon: "shield", tone: "ok" },
  enforced: { icon: "question", tone: "warn" },
  degraded: { icon: "warn", tone: "warn" },
  unchecked: { icon: "question", tone: "warn" },
  unknown: { icon: "question", tone: "warn" },
  observing: { icon: "warn", tone: "bad" },
  disarmed: { icon: "cross", tone: "bad" },
  "not-enforced": { icon: "cross", tone: "bad" },
};

function ContainmentBadge(): JSX.Element {
  const b = badge.value;
  const look = looks[b];
  const c = containment.value;
  const when = c && b !== "unknown" ? ago(second.value - Date.parse(c.checked)) : "";
  const says = b === "contained" ? t.value.containedTitle : b === "enforced" ? t.value.enforcedTitle + "\n" + (c?.unproved ?? "") : (c?.reasons ?? []).join("\n");
  return (
    <a class={"badge " + look.tone} href="#containment" onClick={(e) => jump(e, "containment")} data-badge={b} title={says}>
      <Icon name={look.icon} size={15} />
      <strong>{word(t.value.state, b)}</strong>
      {when && <span class="when">{t.value.checked(when)}</span>}
    </a>
  );
}

function RecordBadge(): JSX.Element | null {
  const b = recordingBadge.value;
  if (!b) return null;
  const tones = { unknown: "warn", all: "plain", missing: "bad" };
  return (
    <a class={"badge " + tones[b.is]} href="#recordings" onClick={(e) => jump(e, "recordings")} data-recording={b.is}>
      {b.is === "unknown" ? <Icon name="question" size={15} /> : <span class={"dot " + (b.is === "missing" ? "hollow" : "")} />}
      <span>{b.is === "unknown" ? t.value.recordingUnknown : t.value.recordingCount(b.recording, b.asked)}</span>
    </a>
  );
}

/** Clock is the recorder's clock, in the site's zone. */
function Clock(): JSX.Element {
  return (
    <time class="clock" title={t.value.siteClock + " · " + (site.value?.zone ?? "")}>
      <span class="day">{day(second.value)}</span>
      <span class="hms">{clock(second.value)}</span>
      <span class="zone">{zoneName(second.value)}</span>
    </time>
  );
}

/** Switches choose language and theme at this browser. */
export function Switches(): JSX.Element {
  const m = t.value;
  return (
    <div class="tools">
      <button class="quiet" lang={language.value === "en" ? "ko" : "en"} title={m.languageSwitch} onClick={() => choose(language.value === "en" ? "ko" : "en")}>
        {m.languageName}
      </button>
      <button class="quiet icon-only" title={m.theme} aria-label={m.theme} onClick={() => setTheme(isDark() ? "light" : "dark")}>
        <Icon name="sun" />
      </button>
    </div>
  );
}

function Part({ id, children }: { id: string; children: ComponentChildren }): JSX.Element {
  return <a href={"#" + id} onClick={(e) => jump(e, id)}>{children}</a>;
}

function Nav(): JSX.Element {
  const m = t.value;
  const office = (p: Page, name: string, mark?: JSX.Element | false): JSX.Element => <a href={link(p)} aria-current={page.value === p ? "page" : undefined}>{name}{mark}</a>;
  const bar = useRef<HTMLElement>(null);
  useEffect(() => bar.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }), [page.value]); // on narrow screens it scrolls
  return (
    <nav ref={bar} aria-label={m.navigation}>
      <Part id="live">{m.navLive}</Part>
      {may("playback") && <Part id="recordings">{m.navRecordings}</Part>}
      {reads.value && <Part id="attempts">{m.navAttempts}</Part>}
      {reads.value && <Part id="containment">{m.navContainment}</Part>}
      {reads.value && office("devices", m.navDevices)}
      {me.value && reads.value && office("users", m.navUsers, waiting.value > 0 && <span class="count" title={m.waitingFor(waiting.value)} aria-label={m.waitingFor(waiting.value)}>{waiting.value}</span>)}
      {me.value && reads.value && office("audit", m.navAudit)}
    </nav>
  );
}

export function Header(): JSX.Element {
  const m = t.value;
  const start = page.value === "house" ? "live" : "office";
  return (
    <header class="bar">
      <a class="skip" href={"#" + start} onClick={(e) => { jump(e, start); document.getElementById(start)?.focus(); }}>{m.skip}</a>
      <a class="brand" href="#live" onClick={(e) => jump(e, "live")}>
        <Icon name="mark" size={22} />
        <span>{m.appName}</span>
      </a>
      <span class="site"><bdi>{site.value?.name}</bdi></span>
      {site.value?.demo && <span class="tag" title={m.demoTitle}>{m.demo}</span>}
      <Nav />
      <div class="status">
        <RecordBadge />
        <ContainmentBadge />
      </div>
      <Clock />
      {me.value ? <UserMenu user={me.value} /> : <Switches />}
    </header>
  );
}

function Banner({ tone, icon, title, children }: { tone: "warn" | "bad"; icon: IconName; title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class={"banner " + tone}>
      <Icon name={icon} size={tone === "bad" ? 26 : 20} />
      <div>
        {/* The title alone is announced: what stands beside it may change each second. */}
        <strong role="alert">{title}</strong>
        {children}
      </div>
    </div>
  );
}

function ContainmentBanner(): JSX.Element | null {
  const m = t.value;
  const c = containment.value;
  if (!c || lost.value) return null;
  // What was found about the network is told in the page's language.
  const inWords = new Map((c.findings ?? []).map((f) => [f.text, m.finding(f)]));
  const reasons = (c.reasons ?? []).map((r) => <p key={r}><bdi>{inWords.get(r) ?? r}</bdi></p>);
  switch (badge.value) {
    case "not-enforced":
      return <Banner tone="bad" icon="warn" title={m.bannerNotEnforced}>{reasons}</Banner>;
    case "disarmed":
      return <Banner tone="bad" icon="warn" title={m.bannerDisarmed}>{reasons}</Banner>;
    case "observing":
      return <Banner tone="bad" icon="warn" title={m.bannerObserving}>{reasons}</Banner>;
    case "degraded":
      return <Banner tone="warn" icon="warn" title={m.bannerDegraded}>{reasons}</Banner>;
    case "unchecked":
      return <Banner tone="warn" icon="question" title={m.bannerUnchecked}><p>{m.bannerUncheckedText(ago(second.value - Date.parse(c.checked)))}</p></Banner>;
    default:
      return null;
  }
}

/** Banners say what is wrong so that it cannot be overlooked, worst first. */
export function Banners(): JSX.Element {
  const m = t.value;
  const missing = unrecorded.value;
  // What has a banner of its own is not told twice.
  const told = (x: HealthCheck): boolean =>
    (x.name === "containment" && !["contained", "enforced"].includes(badge.value)) || (x.name === "canary" && ["degraded", "not-enforced"].includes(badge.value)) || (x.name === "recording" && missing.length > 0);
  const checks = (health.value?.checks ?? []).filter((x) => x.state !== "ok" && !told(x));
  return (
    <div class="banners">
      {lost.value && <Banner tone="bad" icon="plug" title={m.bannerLost}><p>{m.bannerLostText(clock(lostSince.value))}</p></Banner>}
      <ContainmentBanner />
      {!lost.value && missing.length > 0 && (
        <Banner tone="warn" icon="camera" title={m.bannerNotRecording(missing.length)}>
          <p>
            {missing.slice(0, 6).map((c, i) => {
              const s = c.streams.find((x) => x.recording === "waiting" || x.recording === "failed")!;
              return (
                <span key={c.id}>
                  {i > 0 && " · "}
                  <bdi>{c.name}</bdi>: {word(m.cause, s.reason || s.cause || "starting")}
                </span>
              );
            })}
            {missing.length > 6 && " …"}
          </p>
        </Banner>
      )}
      {!lost.value && checks.length > 0 && (
        <Banner tone={checks.some((x) => x.state === "bad") ? "bad" : "warn"} icon="warn" title={m.bannerHealth}>
          {checks.map((x) => (
            <p key={x.name}>
              <b>{checkName(x.name)}</b>: {language.value !== "en" && <>{word(m.checkText, checkKey(x.name))} </>}
              <bdi lang="en">{x.detail}</bdi>{x.fix && <> → <bdi lang="en">{x.fix}</bdi></>}
            </p>
          ))}
        </Banner>
      )}
    </div>
  );
}

/** checkKey is what a check is about; some name a place after it. */
function checkKey(name: string): string {
  return name.startsWith("volume ") ? "volume" : name;
}

function checkName(name: string): string {
  const key = checkKey(name);
  return word(t.value.check, key) + name.slice(key.length);
}

/** Tone maps a badge to its colours for other parts of the page. */
export function tone(): "ok" | "warn" | "bad" {
  return looks[badge.value].tone;
}
