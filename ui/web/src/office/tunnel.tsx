import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { send } from "../api";
import type { Tunnel } from "../api";
import { Dialog } from "../dialog";
import { t } from "../i18n";
import { Icon } from "../icons";
import { Choice } from "../menu";
import { Field, Password, Text } from "../people/fields";
import { is } from "../session";
import { cameras } from "../store";
import { useTask } from "../task";
import { second, stamp } from "../time";
import { clockText, Trouble } from "../trouble";
import { view } from "../view";
import { useList } from "./list";
import type { List } from "./list";
import { Sure } from "./pieces";
import { words } from "./words";

/** how often open tunnels are looked for, ms */
const rhythm = 4000;

/** ViewedDevicePages opens the pages of the device whose camera is viewed. */
export function ViewedDevicePages(): JSX.Element | null {
  const device = cameras.value?.find((c) => c.id === view.value?.camera)?.device;
  return device ? <DevicePages key={device} device={device} /> : null;
}

/** DevicePages opens a device's own pages, and shows those that are open. */
function DevicePages({ device }: { device: string }): JSX.Element {
  const list = useList<Tunnel>("tunnels", "tunnels", rhythm);
  return (
    <div class="device-pages">
      <OpenButton device={device} done={() => void list.read()} />
      <Rows list={list} of={(v) => v.device === device} />
    </div>
  );
}

/** OpenButton opens a device's own pages; nothing for who may not. */
export function OpenButton({ device, done }: { device: string; done?: () => void }): JSX.Element | null {
  const m = words.value;
  const opening = useSignal(false);
  if (!is("admin")) return null;
  return (
    <>
      <button class="small" onClick={() => (opening.value = true)}><Icon name="screen" size={14} /> {m.openPages}</button>
      {opening.value && <OpenPages device={device} close={() => (opening.value = false)} done={() => done?.()} />}
    </>
  );
}

/** OpenTunnels are all that are open; nothing where none is. */
export function OpenTunnels(): JSX.Element | null {
  const m = words.value;
  const list = useList<Tunnel>("tunnels", "tunnels", rhythm);
  if (!list.rows?.length) return null;
  return (
    <div class="open-tunnels">
      <h3><Icon name="screen" size={15} /> {m.tunnels}</h3>
      <p class="muted small">{m.tunnelsText}</p>
      <Rows list={list} of={() => true} />
    </div>
  );
}

function Rows({ list, of }: { list: List<Tunnel>; of: (v: Tunnel) => boolean }): JSX.Element | null {
  const rows = (list.rows ?? []).filter(of);
  return rows.length > 0 ? <ul class="tunnels">{rows.map((v) => <Row key={v.id} v={v} read={list.read} />)}</ul> : null;
}

/** left is the time that a tunnel still has, in seconds. */
export function left(v: Tunnel): number {
  return Math.max(0, Math.ceil((Date.parse(v.expires) - second.value) / 1000));
}

function Row({ v, read }: { v: Tunnel; read: () => Promise<void> }): JSX.Element {
  const m = words.value;
  return (
    <li data-tunnel={v.id}>
      <div class="tunnel-text">
        <p><b><bdi>{v.device}</bdi></b> <code>{(v.tls ? "https://" : "http://") + v.address}</code></p>
        <p class="small"><bdi>{v.why}</bdi></p>
        <p class="muted small">
          {m.tunnelBy(v.by)} · <time title={stamp(Date.parse(v.expires))}>{m.timeLeft(clockText(left(v)))}</time> · {m.tunnelUse(v.requests, v.changes)}
        </p>
        {v.fingerprint && <p class="muted small">{m.tunnelCertificate} <code class="fingerprint">{v.fingerprint}</code></p>}
      </div>
      <div class="row-tools">
        {v.mine && <a class="button small" href={v.url} target="_blank" rel="noopener">{m.showPages}</a>}
        {is("admin") && <Sure small name={m.closeTunnel} text={m.closeTunnelText} act={async () => {
          await send("DELETE", "tunnels/" + encodeURIComponent(v.id));
          await read();
        }} />}
      </div>
    </li>
  );
}

function OpenPages({ device, close, done }: { device: string; close: () => void; done: () => void }): JSX.Element {
  const m = words.value;
  const reason = useSignal("");
  const minutes = useSignal("15");
  const scheme = useSignal<"http" | "https">("http");
  const port = useSignal("");
  const other = useSignal(false);
  const name = useSignal("");
  const password = useSignal("");
  const task = useTask();
  const submit = async (e: Event): Promise<void> => {
    e.preventDefault();
    const account = other.value ? { username: name.value.trim(), password: password.value } : {};
    const opened = await task.run(async () => {
      const v = await send<Tunnel>("POST", `devices/${encodeURIComponent(device)}/tunnel`, {
        why: reason.value.trim(), minutes: Number(minutes.value), tls: scheme.value === "https", port: Number(port.value) || 0, ...account,
      });
      done();
      window.open(v.url, "_blank", "noopener"); // a browser that will not leaves the link in the list
    });
    if (opened) close();
  };
  return (
    <Dialog title={m.openPagesOf(device)} close={close} drawer>
      <form class="form user-form" onSubmit={(e) => void submit(e)}>
        <p class="muted">{m.openPagesText}</p>
        <Text label={m.tunnelReason} hint={m.tunnelReasonHint} value={reason.value} change={(v) => (reason.value = v)} most={100} required focus />
        <div class="field">
          <span class="label">{m.tunnelFor}</span>
          <Choice<string> name={m.tunnelFor} value={minutes.value} options={["15", "30", "60", "120"].map((n) => [n, m.minutes(Number(n))])} choose={(v) => (minutes.value = v)} />
        </div>
        <div class="field">
          <span class="label">{m.tunnelScheme}</span>
          <Choice<"http" | "https"> name={m.tunnelScheme} value={scheme.value} options={[["http", "HTTP"], ["https", "HTTPS"]]} choose={(v) => (scheme.value = v)} />
        </div>
        <Field label={m.tunnelPort} hint={m.tunnelPortHint(scheme.value === "https" ? 443 : 80)}>
          {(id, hint) => <input id={id} aria-describedby={hint} type="text" inputMode="numeric" pattern="[0-9]{1,5}" autocomplete="off" value={port.value} onInput={(e) => (port.value = e.currentTarget.value)} />}
        </Field>
        <div class="field">
          <span class="label">{m.tunnelAccount}</span>
          <Choice<"site" | "other"> name={m.tunnelAccount} value={other.value ? "other" : "site"} options={[["site", m.accountOfSite], ["other", m.accountOther]]} choose={(v) => (other.value = v === "other")} />
          <span class="hint">{m.tunnelAccountHint}</span>
        </div>
        {other.value && <Text label={m.deviceUser} value={name.value} change={(v) => (name.value = v)} most={128} required />}
        {other.value && <Password label={m.devicePassword} value={password.value} change={(v) => (password.value = v)} fill="new-password" />}
        <Trouble of={task.trouble} />
        <p class="form-foot sticky-foot">
          <button type="button" onClick={close}>{t.value.cancel}</button>
          <button type="submit" class="primary" disabled={task.busy}>{m.openPages}</button>
        </p>
      </form>
    </Dialog>
  );
}
