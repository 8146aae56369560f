import type { JSX } from "preact";
import { Dialog } from "../dialog";
import { Icon } from "../icons";
import { Secret } from "../people/secret";
import { words } from "./words";

/** OneTime is a code that lets somebody in once, to choose a password. */
export interface OneTime {
  name: string;
  code: string;
}

/** CodeDialog shows a one-time code: now, and never again. */
export function CodeDialog({ code, close }: { code: OneTime; close: () => void }): JSX.Element {
  const m = words.value;
  return (
    <Dialog title={m.codeTitle} close={close} kept>
      <div class="form">
        <p>{m.codeText(code.name)}</p>
        <div class="large-secret"><Secret name={m.codeTitle} text={code.code} /></div>
        <div class="note warn"><Icon name="warn" size={18} /><div>{m.codeOnce}</div></div>
        <p class="form-foot"><button class="primary" onClick={close}>{m.done}</button></p>
      </div>
    </Dialog>
  );
}
