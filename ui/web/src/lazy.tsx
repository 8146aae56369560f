import type { ComponentType, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "./i18n";
import { Icon } from "./icons";

/** Lazy shows a part of the page whose script is loaded only when it is wanted. */
export function Lazy({ load }: { load: () => Promise<ComponentType> }): JSX.Element | null {
  const [part, setPart] = useState<{ Part?: ComponentType; failed?: boolean }>({});
  useEffect(() => {
    let wanted = true;
    load().then((Part) => wanted && setPart({ Part })).catch(() => wanted && setPart({ failed: true }));
    return () => void (wanted = false);
  }, [load]);
  const m = t.value;
  if (part.Part) return <part.Part />;
  if (!part.failed) return <p class="page-wait" role="status"><span class="spinner" /> <span class="sr">{m.loading}</span></p>;
  // The recorder is away, or was updated and has other scripts by now.
  return (
    <div class="page-wait empty">
      <Icon name="plug" size={26} />
      <strong>{m.partMissing}</strong>
      <p>{m.partMissingText}</p>
      <p><button onClick={() => location.reload()}>{m.reload}</button></p>
    </div>
  );
}
