import type { ComponentChildren, JSX, RefObject } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { Icon } from "../icons";
import { words } from "./words";

/** what a new password must have, as package auth checks it, in characters */
const passwordLength = 12;

/**
 * useFocus puts the cursor into a field as soon as it is there: autofocus works at the load of a document
 * only. Before the field is painted, or it would take the cursor from whom has begun to type in another one.
 */
function useFocus(wanted: boolean | undefined): RefObject<HTMLInputElement | null> {
  const box = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    if (wanted) box.current?.focus();
  }, []);
  return box;
}

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  children: (id: string, describedBy: string | undefined) => ComponentChildren;
}

/** Field is a control with its label above and a hint below. */
export function Field({ label, hint, children }: FieldProps): JSX.Element {
  const id = useId();
  return (
    <div class="field">
      <label class="label" for={id}>{label}</label>
      {children(id, hint ? id + "-hint" : undefined)}
      {hint && <span class="hint" id={id + "-hint"}>{hint}</span>}
    </div>
  );
}

interface TextProps {
  label: string;
  hint?: ComponentChildren;
  value: string;
  change: (v: string) => void;
  /** what the browser may fill in */
  fill?: string;
  most?: number;
  required?: boolean;
  focus?: boolean;
  mono?: boolean;
}

/** Text is a field of one line. */
export function Text({ label, hint, value, change, fill, most, required, focus, mono }: TextProps): JSX.Element {
  const box = useFocus(focus);
  return (
    <Field label={label} hint={hint}>
      {(id, describedBy) => (
        <input ref={box} id={id} type="text" value={value} class={mono ? "mono" : undefined} autocomplete={fill ?? "off"} maxLength={most} required={required}
          spellcheck={false} autocapitalize="none" aria-describedby={describedBy} onInput={(e) => change(e.currentTarget.value)} />
      )}
    </Field>
  );
}

interface PasswordProps {
  label: string;
  hint?: ComponentChildren;
  value: string;
  change: (v: string) => void;
  fill: "current-password" | "new-password";
  focus?: boolean;
}

/** Password is a field whose text can be looked at. */
export function Password({ label, hint, value, change, fill, focus }: PasswordProps): JSX.Element {
  const shown = useSignal(false);
  const box = useFocus(focus);
  return (
    <Field label={label} hint={hint}>
      {(id, describedBy) => (
        <span class="with-button">
          <input ref={box} id={id} {...(shown.value ? { type: "text" as const } : { type: "password" as const })} value={value} autocomplete={fill} required maxLength={1024}
            spellcheck={false} autocapitalize="none" aria-describedby={describedBy} onInput={(e) => change(e.currentTarget.value)} />
          <button type="button" class="quiet icon-only" aria-pressed={shown.value} aria-label={words.value.showPassword} title={words.value.showPassword}
            onClick={() => (shown.value = !shown.value)}><Icon name="eye" /></button>
        </span>
      )}
    </Field>
  );
}

/** longEnough tells whether a new password has the length that is asked for. */
export function longEnough(password: string): boolean {
  return [...password.normalize("NFC")].length >= passwordLength;
}

/** NewPassword is the field of a password that is chosen here, with the rule and how far it is met. */
export function NewPassword(props: { label: string; value: string; change: (v: string) => void; focus?: boolean }): JSX.Element {
  const m = words.value;
  const length = [...props.value.normalize("NFC")].length;
  const left = passwordLength - length;
  return (
    <Password {...props} fill="new-password" hint={
      <>
        <span class="meter" aria-hidden="true"><span class={left > 0 ? "" : "full"} style={{ width: `${Math.min(100, (length / passwordLength) * 100)}%` }} /></span>
        {m.passwordRule} {length > 0 && <b class={left > 0 ? "warn-text" : "ok-text"}>{left > 0 ? m.passwordLeft(left) : m.passwordLong}</b>}
      </>
    } />
  );
}

/** Code is the field of six digits; it goes off by itself once they are there. */
export function Code({ label, hint, value, change, focus, full }: {
  label: string;
  hint?: string;
  value: string;
  change: (v: string) => void;
  focus?: boolean;
  full: (code: string) => void;
}): JSX.Element {
  const box = useFocus(focus);
  return (
    <Field label={label} hint={hint}>
      {(id, describedBy) => (
        <input ref={box} id={id} class="code-input" type="text" inputMode="numeric" autocomplete="one-time-code" pattern="[0-9 ]*" maxLength={7} required value={value}
          placeholder="000000" aria-describedby={describedBy}
          onInput={(e) => {
            const digits = e.currentTarget.value.replace(/\D/g, "").slice(0, 6);
            e.currentTarget.value = digits;
            change(digits);
            if (digits.length === 6) full(digits);
          }} />
      )}
    </Field>
  );
}
