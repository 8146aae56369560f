import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { t, word } from "../i18n";
import { Icon } from "../icons";
import type { IconName } from "../icons";
import { useTask } from "../task";
import { Trouble } from "../trouble";
import { words } from "./words";

interface SureProps {
  icon?: IconName;
  name: string;
  /** what it will do, in a sentence */
  text: string;
  danger?: boolean;
  small?: boolean;
  act: () => Promise<void>;
}

/** Sure is a button that says what it will do before it does it. */
export function Sure({ icon, name, text, danger, small, act }: SureProps): JSX.Element {
  const asking = useSignal(false);
  const task = useTask();
  const yes = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    if (asking.value) yes.current?.focus();
  }, [asking.value]);
  const look = (danger ? "danger" : "") + (small ? " small" : "");
  if (!asking.value) {
    return (
      <>
        <button type="button" class={look} onClick={() => { task.clear(); asking.value = true; }}>{icon && <Icon name={icon} size={14} />} {name}</button>
        <Trouble of={task.trouble} />
      </>
    );
  }
  return (
    <div class="sure" role="group" aria-label={words.value.sure}>
      <p>{text}</p>
      <p class="form-foot">
        <button type="button" onClick={() => (asking.value = false)}>{t.value.cancel}</button>
        <button ref={yes} type="button" class={"primary" + (danger ? " danger" : "")} disabled={task.busy}
          onClick={() => void task.run(act).then(() => (asking.value = false))}>{name}</button>
      </p>
    </div>
  );
}

/** RoleBadge is a role in words, with a colour of its own. */
export function RoleBadge({ role }: { role: string }): JSX.Element {
  return <span class={"role " + role}>{word(t.value.role, role)}</span>;
}

/** Head is the title of a page of the office, what it is about, and what can be done there. */
export function Head({ title, text, children }: { title: string; text?: ComponentChildren; children?: ComponentChildren }): JSX.Element {
  return (
    <header class="office-head">
      <div>
        <h1>{title}</h1>
        {text && <p class="muted">{text}</p>}
      </div>
      <div class="office-tools">{children}</div>
    </header>
  );
}

/** Section is a panel with a title. */
export function Section({ title, text, tools, children, id }: {
  title: string;
  text?: ComponentChildren;
  tools?: ComponentChildren;
  children?: ComponentChildren;
  id: string;
}): JSX.Element {
  return (
    <section class="panel section" id={id} aria-labelledby={id + "-title"}>
      <div class="section-head">
        <div>
          <h2 id={id + "-title"}>{title}</h2>
          {text && <p class="muted small">{text}</p>}
        </div>
        {tools}
      </div>
      {children}
    </section>
  );
}

/** Loading stands where rows will be, or says why they are not. */
export function Loading({ trouble, again }: { trouble: unknown; again: () => Promise<void> }): JSX.Element {
  if (trouble === undefined) return <p class="empty" role="status"><span class="spinner" /><span class="sr">{t.value.loading}</span></p>;
  return <div class="form"><Trouble of={trouble} /><p><button onClick={() => void again()}>{words.value.retry}</button></p></div>;
}
