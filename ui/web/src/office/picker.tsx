import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { Icon } from "../icons";
import { cameras as known } from "../store";
import { words } from "./words";

interface PickerProps {
  cameras: string[];
  /** left out where groups cannot be chosen */
  groups?: string[];
  change: (to: { cameras?: string[]; groups?: string[] }) => void;
}

interface Item {
  id: string;
  name: string;
  detail: string;
  on: boolean;
  gone: boolean;
}

/** toggled gives a list with an id put in or taken out. */
function toggled(list: string[], id: string): string[] {
  return list.includes(id) ? list.filter((x) => x !== id) : [...list, id];
}

/** Picker chooses cameras, and groups of them, of a site of any size. */
export function Picker({ cameras, groups, change }: PickerProps): JSX.Element {
  const m = words.value;
  const typed = useSignal("");
  const all = known.value ?? [];
  const sizes = new Map<string, number>();
  for (const c of all) for (const g of c.groups ?? []) sizes.set(g, (sizes.get(g) ?? 0) + 1);
  const groupItems: Item[] = [...new Set([...sizes.keys(), ...(groups ?? [])])].sort().map((id) => ({
    id, name: id, detail: sizes.has(id) ? m.groupHas(sizes.get(id)!) : m.notThere, on: !!groups?.includes(id), gone: !sizes.has(id),
  }));
  const cameraItems: Item[] = [
    ...all.map((c) => ({ id: c.id, name: c.name, detail: [c.id, ...(c.groups ?? [])].join(" · "), on: cameras.includes(c.id), gone: false })),
    // What somebody has stays in sight when the site file no longer has it.
    ...cameras.filter((id) => !all.some((c) => c.id === id)).map((id) => ({ id, name: id, detail: m.notThere, on: true, gone: true })),
  ];
  const want = typed.value.trim().toLowerCase();
  const fits = (i: Item): boolean => want === "" || (i.name + "\n" + i.detail).toLowerCase().includes(want);
  const foundGroups = groups ? groupItems.filter(fits) : [];
  const foundCameras = cameraItems.filter(fits);
  return (
    <div class="picker">
      <label class="box">
        <Icon name="search" size={14} />
        <input type="search" placeholder={m.searchCameras} aria-label={m.searchCameras} value={typed.value} onInput={(e) => (typed.value = e.currentTarget.value)}
          onKeyDown={(e) => { if (e.code === "Enter") e.preventDefault(); }} />
      </label>
      <div class="picker-list" tabIndex={0} role="group" aria-label={m.camerasLabel}>
        {foundGroups.length > 0 && <h3>{m.groupsHead}</h3>}
        {foundGroups.map((i) => <Line key={i.id} item={i} toggle={() => change({ groups: toggled(groups ?? [], i.id) })} />)}
        {foundCameras.length > 0 && <h3>{m.camerasHead}</h3>}
        {foundCameras.map((i) => <Line key={i.id} item={i} toggle={() => change({ cameras: toggled(cameras, i.id) })} />)}
        {foundGroups.length + foundCameras.length === 0 && <p class="muted small">{m.noCameraFound}</p>}
      </div>
      <p class="hint" role="status">{[...(groups?.length ? [m.groups(groups.length)] : []), m.cameras(cameras.length)].join(", ")}</p>
    </div>
  );
}

function Line({ item, toggle }: { item: Item; toggle: () => void }): JSX.Element {
  return (
    <label class="check-line">
      <input type="checkbox" checked={item.on} onChange={toggle} />
      <span class="picker-name"><bdi>{item.name}</bdi></span>
      <span class={"picker-detail " + (item.gone ? "warn-text" : "muted")}><bdi>{item.detail}</bdi></span>
    </label>
  );
}
