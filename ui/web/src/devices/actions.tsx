import type { JSX } from "preact";
import type { Device } from "../api";
import { Sure } from "../office/pieces";
import { OpenButton } from "../office/tunnel";
import { unpin } from "./sightings";
import type { Changed } from "./sightings";
import { words } from "./words";

interface Props {
  device: Device;
  /** of the site file that is shown */
  revision: string;
  /** whether the person may change anything */
  may: boolean;
  unpinned: (c: Changed) => void;
}

/** DeviceActions is what can be done with a pinned device: the place for more of it. */
export function DeviceActions({ device, revision, may, unpinned }: Props): JSX.Element | null {
  const m = words.value;
  return (
    <div class="row-tools">
      {may && (device.cameras.length > 0
        ? <button class="small" disabled title={m.unpinUsed}>{m.unpin}</button>
        : <Sure small name={m.unpin} text={m.unpinText(device.id)} act={async () => unpinned(await unpin(device.id, revision))} />)}
      <OpenButton device={device.id} />
    </div>
  );
}
