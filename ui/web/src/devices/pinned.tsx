import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import type { Device } from "../api";
import { ago, count } from "../i18n";
import { Icon } from "../icons";
import { cameras } from "../store";
import { second, stamp } from "../time";
import { Inspected, InspectDrawer } from "../inspect/inspected";
import { DeviceActions } from "./actions";
import type { Changed } from "./sightings";
import { Maker, ToldDHCP } from "./strangers";
import { words } from "./words";

/** rows that are drawn at first: a site may have 1,300 devices */
const firstRows = 100;

interface Props {
  devices: Device[];
  revision: string;
  may: boolean;
  unpinned: (id: string, c: Changed) => void;
}

/** Pinned is what the site file says, and what became of it. */
export function Pinned({ devices, revision, may, unpinned }: Props): JSX.Element {
  const m = words.value;
  const typed = useSignal("");
  const limit = useSignal(firstRows);
  const sought = typed.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = devices.filter((d) => {
    const hay = [d.id, d.ip, d.mac, d.maker, d.model, d.mac_maker, d.port, ...d.cameras, ...d.cameras.map(nameOf)].join("\n").toLowerCase();
    return sought.every((w) => hay.includes(w));
  });
  return (
    <section class="panel table-panel pinned" aria-labelledby="h-pinned">
      <div class="panel-head">
        <h2 id="h-pinned">{m.pinned}: {count(devices.length)}</h2>
        <span class="muted">{m.pinnedText}</span>
      </div>
      {devices.length > 5 && (
        <div class="filter">
          <label class="box">
            <Icon name="search" size={14} />
            <input type="search" placeholder={m.search} aria-label={m.search} value={typed.value} onInput={(e) => { typed.value = e.currentTarget.value; limit.value = firstRows; }} />
          </label>
        </div>
      )}
      {found.length === 0 && <p class="empty">{devices.length === 0 ? m.noDevices : m.noneFound}</p>}
      {found.length > 0 && (
        <table class="rows devices">
          <thead>
            <tr>
              <th>{m.colDevice}</th><th>{m.colAddress}</th><th>{m.colMaker}</th><th>{m.colPort}</th><th>{m.colSeen}</th><th>{m.colBlocked}</th>
              <th><span class="sr">{m.actions}</span></th>
            </tr>
          </thead>
          <tbody>{found.slice(0, limit.value).map((d) => <Row key={d.id} d={d} revision={revision} may={may} unpinned={(c) => unpinned(d.id, c)} />)}</tbody>
        </table>
      )}
      <InspectDrawer />
      {found.length > limit.value && <p class="table-foot"><button class="small" onClick={() => (limit.value += 5 * firstRows)}>{m.andMore(found.length - limit.value)}</button></p>}
    </section>
  );
}

function nameOf(id: string): string {
  return cameras.value?.find((c) => c.id === id)?.name ?? id;
}

function Row({ d, revision, may, unpinned }: { d: Device; revision: string; may: boolean; unpinned: (c: Changed) => void }): JSX.Element {
  const m = words.value;
  const when = (t: string): JSX.Element => <time title={stamp(Date.parse(t))}>{ago(second.value - Date.parse(t))}</time>;
  return (
    <tr data-device={d.id}>
      <td class="d-name">
        <b><bdi>{d.id}</bdi></b>
        <span class="under"><bdi>{d.cameras.length === 0 ? m.noCamera : d.cameras.map(nameOf).join(", ")}</bdi></span>
        {(d.maker || d.model) && <span class="under" title={m.declared}><bdi>{[d.maker, d.model, d.country].filter(Boolean).join(" · ")}</bdi></span>}
        <ToldDHCP told={d.dhcp} />
        <Inspected d={d} />
      </td>
      <td class="d-ip"><span class="mono line">{d.ip}</span><span class="under mono">{d.mac}</span></td>
      <td class="d-maker"><Maker local={d.mac_local === true} maker={d.mac_maker} known /></td>
      <td class="d-port"><code>{d.port || d.bound || "–"}</code>{d.bound && <span class="under" title={m.boundTitle}><Icon name="lock" size={11} /> {d.port && d.port !== d.bound ? m.boundTo(d.bound) : m.bound}</span>}</td>
      <td class="d-first"><span class="card-label">{m.colSeen} </span>{d.seen ? when(d.seen) : <span class="muted">{m.never}</span>}</td>
      <td class="d-tried"><span class="card-label">{m.colBlocked} </span>{d.blocked > 0 ? <><b>{count(d.blocked)}</b>{d.blocked_last && <span class="under">{m.lastSeen(ago(second.value - Date.parse(d.blocked_last)))}</span>}</> : <span class="muted">{m.nothingBlocked}</span>}</td>
      <td class="d-actions"><DeviceActions device={d} revision={revision} may={may} unpinned={unpinned} /></td>
    </tr>
  );
}
