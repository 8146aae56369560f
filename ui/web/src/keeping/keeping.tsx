import type { JSX } from "preact";
import { wanted } from "../holds";
import { Deletion } from "./deletion";
import { HoldForm } from "./holdform";
import { HoldList } from "./holdlist";

/** Keeping is the dialog about holds or deletion that is wanted. */
export function Keeping(): JSX.Element | null {
  const w = wanted.value;
  const close = (): void => void (wanted.value = undefined);
  switch (w?.what) {
    case "list": return <HoldList close={close} />;
    case "hold": return <HoldForm of={w} close={close} />;
    case "delete": return <Deletion of={w} close={close} />;
    default: return null;
  }
}
