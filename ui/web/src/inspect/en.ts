// English: what a device says of itself.

import type { Finding } from "./inspection";

export const en = {
  title: (device: string): string => `What ${device} says of itself`,
  text: "Asked over ONVIF, at its pinned address only. All of it is the device's own word: a claim, no evidence. It is asked once a day, and sooner where it did not answer.",
  asked: (when: string): string => `Asked ${when}`,
  notYet: "It was not asked yet.",
  ask: "Ask now",
  nothing: "Nothing contradicts the site file, and no way out is told of.",
  facts: "What it says",
  differs: "contradict each other",
  untold: (n: number): string => (n === 1 ? "1 question without an answer" : `${n} questions without an answer`),
  source: { "site-file": "site file", "mac-list": "maker of the MAC" } as Record<string, string>,
  fact: {
    maker: "Maker", model: "Model", firmware: "Firmware", serial: "Serial number", hardware: "Hardware", hostname: "Name", interface: "Interfaces", mac: "MAC",
    gateway: "Gateway", dns: "Name server", ntp: "Time server", clock: "Clock", serves: "Serves", stream: "Streams",
  } as Record<string, string>,
  /** what it means and what to do, where it did not answer as it should */
  outcome: {
    refused: ["It wants an account for most questions, and does not take that of the site file.", "Many devices keep accounts of their own for ONVIF: make one there with the same name and password, for watching only."],
    closed: ["It is there, and nothing listens where ONVIF usually is.", "Switch ONVIF on in the device's own pages, if it has it: many have it off at first."],
    silent: ["It did not answer in time.", "Check power, cable and address."],
    unreachable: ["There is no way to it.", "Check power, cable and address, and the containment panel."],
    "not-onvif": ["Something answers that does not speak ONVIF.", "It may have none, or have it off: look in the device's own pages."],
    foreign: ["It sends whoever asks to another host. Nothing was sent there.", "Correct the address in the device's own pages, and reset it if it comes back."],
  } as Record<string, [string, string]>,
  finding: (f: Finding): [string, string] => {
    const about = f.about ?? "";
    const other = f.with ?? "";
    const setTo = `Set it to ${other} in the device's own pages. Meanwhile what it tries is dropped, or answered by the recorder.`;
    switch (f.code) {
      case "radio": return [`It has a radio that is on: ${about}${other && `, in the network “${other}”`}.`, "No wire sees what leaves there. Switch it off in the device's own pages, take antenna or SIM card out, and ask again; else take the device down."];
      case "modem": return [`It has a modem that is on: ${about}.`, "No wire sees what leaves there. Take the SIM card out, switch the modem off in the device's own pages, and ask again; else take the device down."];
      case "radio-off": return [`It has a radio or modem that is off: ${about}.`, "Leave it off. Take antenna or SIM card out if that can be done."];
      case "radio-capable": return ["It says that Wi-Fi can be set up on it.", "Leave it off. Take the antenna out if that can be done."];
      case "second-interface": return [`It has a second network interface that is on: ${about}.`, "See that nothing is plugged in there, and switch it off in the device's own pages."];
      case "foreign": return [`It names ${about} in its answer (${other}). That was not dialled.`, "Correct the address in the device's own pages. If it comes back, the device is set up to send others there."];
      case "other-mac": return [`None of the MACs that it tells (${about}) is the pinned one, ${other}.`, "Find out which device answers at the pinned address."];
      case "maker": return [`It says that its maker is ${about}; the site file says ${other}.`, "Look at the device, and correct whichever is wrong."];
      case "model": return [`It says that it is the model ${about}; the site file says ${other}.`, "Look at the device, and correct whichever is wrong."];
      case "mac-maker": return [`Its MAC was given to ${about}; its maker is said to be ${other}.`, "Many are made by others than those who sell them. Find out who made it, if that matters to you."];
      case "gateway": return [`Its gateway is ${about}, which is not the recorder.`, setTo];
      case "dns": return [`It asks ${about} for names, which is not the recorder.`, setTo];
      case "ntp": return [`It asks ${about} for the time, which is not the recorder.`, setTo];
      case "clock": return [`Its clock is ${about} the recorder's.`, `Have it take its time from ${other}. Footage carries the recorder's time all the same.`];
      default: return [f.text, f.fix];
    }
  },
};
