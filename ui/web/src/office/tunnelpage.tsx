// The page around a device's own pages. They are in a frame that the browser
// gives cookies and storage of its own (credentialless), and that may neither lead
// this page anywhere nor open another: see package ui/tunnel.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { send } from "../api";
import type { Tunnel } from "../api";
import { Icon } from "../icons";
import { clockText, Trouble } from "../trouble";
import { useList } from "./list";
import { Sure } from "./pieces";
import { left } from "./tunnel";
import { words } from "./words";

/** how soon the page shows that a tunnel was closed, ms */
const rhythm = 2000;

const sandbox = "allow-scripts allow-same-origin allow-forms allow-modals allow-downloads";

/** TunnelPage shows the tunnel that the address names. */
export function TunnelPage(): JSX.Element {
  const m = words.value;
  const id = location.pathname.split("/")[2] ?? "";
  const list = useList<Tunnel>("tunnels", "tunnels");
  useEffect(() => { // whether or not somebody is at this page: they are at the frame
    const timer = setInterval(() => void list.read(), rhythm);
    return () => clearInterval(timer);
  }, []);
  const v = list.rows?.find((x) => x.id === id && x.mine);
  const over = list.rows !== undefined && !v;
  return (
    <div class="tunnel-page">
      <header class="tunnel-bar">
        <Icon name="shield" size={18} />
        <strong>{m.tunnelTitle}</strong>
        {v && <span><bdi>{v.device}</bdi> <code>{(v.tls ? "https://" : "http://") + v.address}</code></span>}
        {v && <span class="muted">{m.timeLeft(clockText(left(v)))}</span>}
        <span class="spacer" />
        <span class="muted small tunnel-warning">{m.tunnelWarning}</span>
        {v && <Sure small name={m.closeTunnel} text={m.closeTunnelText} act={async () => {
          await send("DELETE", "tunnels/" + encodeURIComponent(id));
          await list.read();
        }} />}
      </header>
      {v && <Frame key={v.id} id={v.id} />}
      {over && <div class="empty"><Icon name="lock" size={26} /><strong>{m.tunnelOver}</strong><p>{m.tunnelOverText}</p></div>}
      {!list.rows && <Trouble of={list.trouble} />}
    </div>
  );
}

/** Frame holds the device's pages, once it has a ticket. */
function Frame({ id }: { id: string }): JSX.Element {
  const m = words.value;
  const host = useRef<HTMLDivElement>(null);
  const trouble = useSignal<unknown>(undefined);
  const apart = "credentialless" in HTMLIFrameElement.prototype;
  useEffect(() => {
    if (!apart) return;
    const frame = document.createElement("iframe");
    // All of it stands before the frame is there: what is loaded first counts.
    (frame as HTMLIFrameElement & { credentialless: boolean }).credentialless = true;
    frame.setAttribute("sandbox", sandbox);
    frame.referrerPolicy = "no-referrer";
    frame.title = m.tunnelTitle;
    let here = true;
    send<{ url: string }>("POST", `tunnels/${encodeURIComponent(id)}/entrance`, {}).then(({ url }) => {
      if (!here) return;
      frame.src = url;
      host.current?.append(frame);
    }, (e) => (trouble.value = e));
    return () => {
      here = false;
      frame.remove();
    };
  }, [id]);
  return (
    <div class="tunnel-frame" ref={host}>
      {!apart && <div class="empty"><Icon name="warn" size={26} /><strong>{m.notApart}</strong><p>{m.notApartText}</p></div>}
      {trouble.value !== undefined && <Trouble of={trouble.value} />}
    </div>
  );
}
