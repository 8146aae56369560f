import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import type { Told } from "../api";
import { ago, count } from "../i18n";
import { Icon } from "../icons";
import { now, second, stamp } from "../time";
import type { Sighting, Sightings, Tried } from "./sightings";
import { words } from "./words";

/** rows that are drawn at first */
const firstRows = 100;

interface Props {
  seen: Sightings;
  may: boolean;
  pin: (list: Sighting[]) => void;
}

/** Strangers is what is not pinned, and the way to pin it. */
export function Strangers({ seen, may, pin }: Props): JSX.Element {
  const m = words.value;
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const limit = useSignal(firstRows);
  const list = seen.sightings;
  const plain = list.filter((s) => s.ip);
  const picked = list.filter((s) => chosen.value.has(s.mac) && !s.device);
  const choose = (macs: string[], on: boolean): void => {
    const next = new Set(chosen.value);
    for (const mac of macs) on ? next.add(mac) : next.delete(mac);
    chosen.value = next;
  };
  return (
    <section class="panel table-panel strangers" aria-labelledby="h-strangers">
      <div class="panel-head">
        <h2 id="h-strangers">{m.strangers}: {count(list.length)}</h2>
        <span class="muted">{m.strangersText}</span>
        {may && list.length > 0 && (
          <>
            <label class="check-line choose-all">
              <input type="checkbox" disabled={plain.length === 0} checked={plain.length > 0 && plain.every((s) => chosen.value.has(s.mac))}
                onChange={(e) => choose(plain.map((s) => s.mac), e.currentTarget.checked)} /> {m.chooseAll}
            </label>
            <button class="primary" disabled={picked.length === 0} onClick={() => pin(picked)}><Icon name="lock" size={14} /> {m.pin(picked.length)}</button>
          </>
        )}
      </div>
      {seen.unlisted.map((u) => <p key={u.port} class="note warn"><Icon name="warn" size={16} /> <span>{m.unlisted(u.port || "–", count(u.count))}</span></p>)}
      {list.length === 0 && <p class="empty"><Icon name="check" size={22} /><br />{m.strangersNone}</p>}
      {list.length > 0 && (
        <table class="rows devices">
          <thead>
            <tr>
              <th class="d-choose" />
              <th>{m.colDevice}</th><th>{m.colAddress}</th><th>{m.colMaker}</th><th>{m.colPort}</th><th>{m.colFirst}</th><th>{m.colTried}</th>
            </tr>
          </thead>
          <tbody>
            {list.slice(0, limit.value).map((s) => (
              <Row key={s.mac} s={s} may={may} makers={seen.makers} on={chosen.value.has(s.mac)} choose={(on) => choose([s.mac], on)} />
            ))}
          </tbody>
        </table>
      )}
      {list.length > limit.value && <p class="table-foot"><button class="small" onClick={() => (limit.value += 5 * firstRows)}>{m.andMore(list.length - limit.value)}</button></p>}
      {!seen.makers && list.length > 0 && <p class="table-foot muted">{m.noMakers}</p>}
    </section>
  );
}

function Row({ s, may, makers, on, choose }: { s: Sighting; may: boolean; makers: boolean; on: boolean; choose: (on: boolean) => void }): JSX.Element {
  const m = words.value;
  const first = Date.parse(s.first);
  return (
    <tr data-mac={s.mac} class={s.means.length > 0 ? "contradicts" : ""} onClick={(e) => { if (may && !s.device && !(e.target instanceof HTMLInputElement)) choose(!on); }}>
      <td class="d-choose">{may && !s.device && (
        <input type="checkbox" aria-label={m.choose(s.mac)} checked={on} onChange={(e) => choose(e.currentTarget.checked)} />
      )}</td>
      <td class="d-name">
        <b class="mono">{s.mac}</b>
        <ToldDHCP told={s} />
        {s.means.map((x) => <span key={x.code + (x.ip ?? "") + (x.mac ?? "")} class="means"><Icon name="warn" size={12} /> <span>{m.means(x)}</span></span>)}
      </td>
      <td class="d-ip">{s.addresses.length === 0 ? <span class="muted">{m.noAddress}</span>
        : s.addresses.map((a) => <span key={a.ip} class="mono line" title={m.via[a.via] ?? a.via}>{a.ip}</span>)}{s.more && "…"}</td>
      <td class="d-maker"><Maker local={s.local} maker={s.maker} known={makers} /></td>
      <td class="d-port"><code>{s.port || "–"}</code>{!s.port && <span class="sr">{m.portUnknown}</span>}</td>
      <td class="d-first"><time title={stamp(first)}>{ago(now() - first)}</time><span class="under">{m.lastSeen(ago(second.value - Date.parse(s.last)))}</span></td>
      <td class="d-tried"><span class="card-label">{m.colTried} </span>{s.tried.length === 0 ? <span class="muted">{m.triedNothing}</span> : <Trials list={s.tried} />}</td>
    </tr>
  );
}

/** ToldDHCP is what a device told DHCP: names in short, with the options that it asks for; more in a tooltip. */
export function ToldDHCP({ told }: { told: Told | undefined }): JSX.Element | null {
  const m = words.value;
  const names = [told?.name, told?.class].filter(Boolean).join(" · ");
  if (!told || !(names || told.parameters)) return null;
  const title = [m.tells, told.parameters && m.asksFor(told.parameters), told.client_id && m.clientID(told.client_id)].filter(Boolean).join("\n");
  return (
    <span class="under told" title={title}>
      {names && <bdi>{names}</bdi>}{names && told.parameters && " · "}{told.parameters && <span class="mono">DHCP {told.parameters}</span>}
    </span>
  );
}

/** Maker is whom a MAC was given to, as far as that is known. */
export function Maker({ local, maker, known }: { local: boolean; maker: string | undefined; known: boolean }): JSX.Element {
  const m = words.value;
  if (maker) return <span title={m.claim}><bdi>{maker}</bdi></span>;
  if (local) return <span class="muted" title={m.madeUpTitle}>{m.madeUp}</span>;
  return <span class="muted">{known ? m.makerUnknown : "–"}</span>;
}

/** Trials are the last destinations, the rest in a tooltip. */
function Trials({ list }: { list: Tried[] }): JSX.Element {
  const m = words.value;
  const text = (x: Tried): string => `${x.address} ${x.service || (x.port ? `${x.protocol}/${x.port}` : x.protocol)}`;
  return (
    <span title={list.map((x) => `${text(x)} ${m.times(count(x.count))}`).join("\n")}>
      {list.slice(0, 2).map((x) => <span key={text(x)} class="line"><bdi>{text(x)}</bdi> <span class="muted">{m.times(count(x.count))}</span></span>)}
      {list.length > 2 && <span class="under">{m.andMore(list.length - 2)}</span>}
    </span>
  );
}
