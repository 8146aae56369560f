import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { Icon } from "../icons";
import { Head, Loading } from "../office/pieces";
import { OpenTunnels } from "../office/tunnel";
import { words as office } from "../office/words";
import { is, me } from "../session";
import { PinDialog } from "./pin";
import { Pinned } from "./pinned";
import type { Changed, Sighting } from "./sightings";
import { useNetwork } from "./sightings";
import { Strangers } from "./strangers";
import { words } from "./words";

/** Devices is the page of what hangs on the camera network. */
export function Devices(): JSX.Element {
  const m = words.value;
  const net = useNetwork();
  const pinning = useSignal<Sighting[] | undefined>(undefined);
  const note = useSignal<{ text: string; why?: string } | undefined>(undefined);
  const changed = (c: Changed, text: string): void => {
    note.value = c.in_force ? { text } : { text, why: c.why ?? "" };
    void net.read();
  };
  const may = is("admin") && net.seen?.editable === true;
  return (
    <>
      <Head title={m.devices} text={net.devices && net.seen && m.counts(net.devices.length, net.seen.sightings.length)}>
        {!is("admin") && <span class="tag" title={me.value ? office.value.readOnlyText : m.demoText}>{office.value.readOnly}</span>}
      </Head>
      {note.value && (
        <div class={"note" + (note.value.why === undefined ? " good" : " warn")} role="status">
          <Icon name={note.value.why === undefined ? "check" : "warn"} size={18} />
          <div>{note.value.text}{note.value.why !== undefined && <> {m.notInForce} <bdi lang="en">{note.value.why}</bdi></>}</div>
        </div>
      )}
      {(!net.devices || !net.seen) && <section class="panel"><Loading trouble={net.trouble} again={net.read} /></section>}
      {net.seen && <Strangers seen={net.seen} may={may} pin={(list) => { note.value = undefined; pinning.value = list; }} />}
      {net.devices && net.seen && (
        <Pinned devices={net.devices} revision={net.seen.revision} may={may} unpinned={(id, c) => changed(c, m.unpinnedNow(id))} />
      )}
      <OpenTunnels />
      {pinning.value && net.seen && (
        <PinDialog list={pinning.value} revision={net.seen.revision} close={() => (pinning.value = undefined)}
          pinned={(c) => { pinning.value = undefined; changed(c, m.pinnedNow(c.devices.length)); }} />
      )}
    </>
  );
}
