import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { Dialog } from "./dialog";
import { t } from "./i18n";
import { Icon } from "./icons";
import { me } from "./session";

interface DownloadProps {
  /** address of the footage; with a reason, of its export */
  link: (reason?: string) => string;
  /** with words, not the sign alone */
  words?: boolean;
}

/** Download takes footage out of the recorder. Where people have accounts they say what for: it is kept in the audit. */
export function Download({ link, words }: DownloadProps): JSX.Element {
  const m = t.value;
  const asking = useSignal(false);
  const look = words ? "button" : "button icon-only";
  if (!me.value) return <a class={look} href={link()} download title={m.downloadTitle} aria-label={m.download}><Icon name="download" />{words && <> {m.download}</>}</a>;
  const take = (e: SubmitEvent): void => {
    e.preventDefault();
    const reason = new FormData(e.currentTarget as HTMLFormElement).get("reason");
    const a = document.createElement("a");
    a.href = link(String(reason).trim());
    a.download = "";
    a.click();
    asking.value = false;
  };
  return (
    <>
      <button class={look} title={m.downloadTitle} aria-label={m.download} onClick={() => (asking.value = true)}><Icon name="download" />{words && <> {m.download}</>}</button>
      {asking.value && (
        <Dialog title={m.download} close={() => (asking.value = false)}>
          <form class="form" onSubmit={take}>
            <p class="muted">{m.downloadTitle}</p>
            <div class="field">
              <label class="label" for="export-reason">{m.exportReason}</label>
              <input id="export-reason" name="reason" required pattern=".*\S.*" maxLength={200} autocomplete="off" autofocus aria-describedby="export-hint" />
              <span class="hint" id="export-hint">{m.exportReasonHint}</span>
            </div>
            <p class="form-foot">
              <button type="button" onClick={() => (asking.value = false)}>{m.cancel}</button>
              <button type="submit" class="primary"><Icon name="download" /> {m.download}</button>
            </p>
          </form>
        </Dialog>
      )}
    </>
  );
}
