// What is on the camera network and not pinned, as the recorder says: the same
// words as ui/enrolment.go.

import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { get, send } from "../api";
import type { Device, Told } from "../api";
import { present } from "../presence";

export interface Meaning {
  code: string;
  device?: string;
  mac?: string;
  ip?: string;
}

export interface Tried {
  address: string;
  protocol: string;
  port?: number;
  service?: string;
  count: number;
  last: string;
}

export interface Sighting extends Told {
  mac: string;
  local: boolean;
  maker?: string;
  port?: string;
  first: string;
  last: string;
  count: number;
  /** that it gets when pinned */
  id?: string;
  /** to pin it to, where there is no choice to make */
  ip?: string;
  /** pinned, with this MAC and another address */
  device?: string;
  addresses: { ip: string; first: string; last: string; via: string }[];
  more?: boolean;
  tried: Tried[];
  means: Meaning[];
}

export interface Sightings {
  revision: string;
  editable: boolean;
  makers: boolean;
  sightings: Sighting[];
  unlisted: { port: string; count: number; last: string }[];
}

/** Changed is what became of a change of the site file. */
export interface Changed {
  devices: string[];
  revision: string;
  in_force: boolean;
  why?: string;
}

export interface NewDevice {
  id: string;
  mac: string;
  ip: string;
  /** binds it to this port of the bridge */
  port?: string;
}

/** Network is what is known of devices, both kinds. */
export interface Network {
  devices: Device[] | undefined;
  seen: Sightings | undefined;
  trouble: unknown;
  read: () => Promise<void>;
}

/** how often the recorder is asked, ms */
const rhythm = 3000;

/** useNetwork asks at once, by and by, and when asked to. */
export function useNetwork(): Network {
  const devices = useSignal<Device[] | undefined>(undefined);
  const seen = useSignal<Sightings | undefined>(undefined);
  const trouble = useSignal<unknown>(undefined);
  const read = async (): Promise<void> => {
    try {
      const [d, s] = await Promise.all([get<{ devices: Device[] }>("devices"), get<Sightings>("sightings")]);
      devices.value = d.devices;
      seen.value = s;
      trouble.value = undefined;
    } catch (e) {
      trouble.value = e;
    }
  };
  useEffect(() => {
    void read();
    const timer = setInterval(() => present() && void read(), rhythm);
    return () => clearInterval(timer);
  }, []);
  return { devices: devices.value, seen: seen.value, trouble: trouble.value, read };
}

/** pin adds devices to the site file that was looked at. */
export function pin(devices: NewDevice[], revision: string): Promise<Changed> {
  return send<Changed>("POST", "devices", { devices }, revision);
}

/** unpin takes one out. */
export function unpin(id: string, revision: string): Promise<Changed> {
  return send<Changed>("DELETE", "devices/" + encodeURIComponent(id), undefined, revision);
}
