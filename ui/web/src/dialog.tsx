import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { t } from "./i18n";
import { Icon } from "./icons";

interface DialogProps {
  title: ComponentChildren;
  /** called once a person closed it, by whatever way */
  close: () => void;
  /** at the side, as high as the window, instead of in the middle */
  drawer?: boolean;
  /** a press beside it does not close it: what it shows is shown once */
  kept?: boolean;
  children: ComponentChildren;
}

/** Dialog is a part of the page before the rest, which waits meanwhile. */
export function Dialog({ title, close, drawer, kept, children }: DialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const pressed = useRef(false);
  const here = useRef(true);
  const heading = useRef<HTMLHeadingElement>(null);
  // Before effects of what is inside, which may put the cursor into a field.
  useLayoutEffect(() => {
    dialog.current!.showModal();
    if (document.activeElement?.closest(".dialog-head")) heading.current!.focus(); // not the button that closes it
    return () => {
      here.current = false; // the page goes on by itself: that is nobody's closing
      dialog.current?.close();
    };
  }, []);
  const beside = (e: MouseEvent): boolean => e.target === dialog.current;
  return (
    <dialog ref={dialog} class={drawer ? "drawer" : "box-dialog"} aria-labelledby="dialog-title" onClose={() => here.current && close()}
      onCancel={(e) => { if (kept) e.preventDefault(); }}
      // A press that began inside, as when text is marked, is none beside.
      onMouseDown={(e) => { pressed.current = beside(e); }}
      onClick={(e) => { if (!kept && pressed.current && beside(e)) dialog.current!.close(); }}>
      <div class="dialog-inner">
        <header class="dialog-head">
          <h2 id="dialog-title" tabIndex={-1} ref={heading}>{title}</h2>
          <button type="button" class="quiet icon-only" aria-label={t.value.close} title={t.value.close} onClick={() => dialog.current!.close()}><Icon name="cross" /></button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
