import type { ComponentType, JSX } from "preact";
import { signal } from "@preact/signals";
import type { Device } from "../api";
import { word } from "../i18n";
import { Icon } from "../icons";
import { Lazy } from "../lazy";
import { short } from "./short";

/** looked is the device whose drawer is open. */
export const looked = signal<string | undefined>(undefined);

const drawer = (): Promise<ComponentType> => import("./drawer").then((m) => m.Drawer);

/** Inspected says in short what a device said of itself, and opens all of it. */
export function Inspected({ d }: { d: Device }): JSX.Element {
  const m = short.value;
  const is = d.inspected;
  const look = !is ? "" : is.level === "not-enforced" ? " bad" : is.level === "warning" || is.outcome === "foreign" ? " warn" : "";
  const text = !is ? m.notAsked : is.findings > 0 ? m.findings(is.findings) : word(m.outcome, is.outcome);
  return (
    <button type="button" class={"asked" + look} aria-haspopup="dialog" onClick={() => (looked.value = d.id)}>
      <Icon name={look === "" ? "question" : "warn"} size={12} /> {text}
    </button>
  );
}

/** InspectDrawer is where all of it opens. */
export function InspectDrawer(): JSX.Element | null {
  return looked.value === undefined ? null : <Lazy key={looked.value} load={drawer} />;
}
