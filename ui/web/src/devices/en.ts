// English: the page of devices.

import type { Meaning } from "./sightings";

export const en = {
  devices: "Devices",
  counts: (pinned: number, strangers: number): string => `${pinned} pinned · ${strangers} not pinned`,
  demoText: "The demo has no site file and no accounts: here you see what would be pinned.",

  strangers: "Not pinned",
  strangersText: "Seen on the camera network. Nothing that they send passes; pin what belongs here.",
  strangersNone: "Every device that was seen on the camera network is pinned.",
  noMakers: "Makers are not known: no list is installed on the recorder (Debian: ieee-data).",
  unlisted: (port: string, n: string): string => `At port ${port} there is more than can be listed: ${n} frames with ever new MACs. Somebody floods; unplug what hangs there.`,
  choose: (name: string): string => `Choose ${name}`,
  chooseAll: "Choose all that need no decision",
  pin: (n: number): string => (n === 0 ? "Pin…" : n === 1 ? "Pin 1 device…" : `Pin ${n} devices…`),
  colDevice: "Device",
  colAddress: "Address",
  colMaker: "Maker of the MAC",
  colPort: "Port",
  colFirst: "First seen",
  colTried: "Tried",
  colCameras: "Cameras",
  colBlocked: "Blocked",
  colSeen: "Last seen",
  actions: "Actions",
  makerUnknown: "unknown",
  madeUp: "made-up MAC",
  madeUpTitle: "The device chose this MAC itself: it tells nothing about the maker.",
  claim: "Whom this MAC was given to. A device says which MAC it likes: a claim, no evidence.",
  portUnknown: "not known yet",
  lastSeen: (when: string): string => `last ${when}`,
  tells: "As it told DHCP: a claim, no evidence of who it is.",
  asksFor: (codes: string): string => `DHCP options it asks for, in its order: ${codes}`,
  clientID: (hex: string): string => `DHCP client identifier: ${hex}`,
  triedNothing: "nothing yet",
  times: (n: string): string => `${n}×`,
  andMore: (n: number): string => `and ${n} more`,
  noAddress: "none told",
  via: { arp: "it answers to it", ip: "it sent from it", dhcp: "it asked for it" } as Record<string, string>,
  means: (m: Meaning): string => {
    switch (m.code) {
      case "moved": return `This is the MAC of ${m.device}, with another address: ${m.ip}. If that is right, change its ip in the site file.`;
      case "takes-address": return `${m.ip} is pinned to ${m.device} (${m.mac}): a second device with it, or a forgery.`;
      case "shared-address": return `${m.mac} uses ${m.ip} too. Find out which one is right.`;
      case "many-addresses": return "It uses several addresses: choose one when pinning.";
      case "outside": return `${m.ip} lies in no camera network: add its network to camera_network.addresses, or change the device.`;
      case "ours": return `It claims ${m.ip}, which is the recorder's.`;
      case "no-address": return "It never told an address: give it when pinning.";
      default: return m.code;
    }
  },

  pinned: "Pinned",
  pinnedText: "MAC and address together, as the site file says. Everything else that uses either is dropped.",
  search: "Search: id, address, MAC, maker, camera…",
  noneFound: "No device fits.",
  noDevices: "No device is pinned yet.",
  noCamera: "no camera",
  nothingBlocked: "nothing",
  never: "not yet",
  declared: "Declared as",

  pinTitle: (n: number): string => (n === 1 ? "Pin 1 device" : `Pin ${n} devices`),
  pinText: "They are added to the site file and taken at once. A pinned device may answer the recorder, and nothing more.",
  idLabel: "Id",
  idHint: "Lower-case letters, digits and hyphens. Cameras name it.",
  ipLabel: "Address",
  ipChoose: "Several were seen: choose the right one.",
  ipNone: "None was seen: type it.",
  bind: (port: string): string => `Bind it to port ${port}.`,
  bindHint: "Only where nothing else hangs on that port: it takes nobody else then.",
  bound: "bound",
  boundTo: (port: string): string => `bound to ${port}`,
  boundTitle: "It is taken for itself on this port only, and the port takes nobody else.",
  pinGo: (n: number): string => (n === 1 ? "Pin it" : `Pin ${n}`),
  done: "Done",
  pinnedNow: (n: number): string => (n === 1 ? "1 device is pinned." : `${n} devices are pinned.`),
  unpinnedNow: (id: string): string => `${id} is not pinned any more.`,
  notInForce: "The site file is changed, but not in force yet:",

  unpin: "Unpin",
  unpinText: (id: string): string => `${id} is taken out of the site file at once: what it sends is dropped as a stranger's.`,
  unpinUsed: "A camera uses it: take the camera out of the site file first.",
};
