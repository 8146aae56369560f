import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Icon } from "../icons";
import { words } from "./words";

/** Secret is a text to be taken away: it can be copied, or marked and copied by hand. */
export function Secret({ text, shown, name }: { text: string; shown?: string; name: string }): JSX.Element {
  const m = words.value;
  const copied = useSignal(false);
  const place = useRef<HTMLElement>(null);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      copied.value = true;
      setTimeout(() => (copied.value = false), 3000);
    } catch {
      getSelection()?.selectAllChildren(place.current!); // not allowed here: the person can
    }
  };
  return (
    <div class="secret" role="group" aria-label={name}>
      <code ref={place} class="secret-text" data-secret={text}>{shown ?? text}</code>
      <button type="button" class="small" onClick={() => void copy()}><Icon name={copied.value ? "check" : "copy"} size={13} /> {copied.value ? m.copied : m.copy}</button>
      <span class="sr" role="status">{copied.value ? m.copied : ""}</span>
    </div>
  );
}
