import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { qrcode } from "qrcode-generator";

/** quiet zone around the code that readers need, in modules */
const margin = 4;

/** QR draws a text as a QR code, dark on white in every theme: that is what cameras read best. */
export function QR({ text, name }: { text: string; name: string }): JSX.Element {
  const [path, size] = useMemo(() => {
    const code = qrcode(0, "M");
    code.addData(text);
    code.make();
    const n = code.getModuleCount();
    let path = "";
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < n; column++) {
        if (code.isDark(row, column)) path += `M${column + margin} ${row + margin}h1v1h-1z`;
      }
    }
    return [path, n + 2 * margin];
  }, [text]);
  return (
    <svg class="qr" role="img" aria-label={name} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
