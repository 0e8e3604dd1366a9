// A QR code, black on white in either theme: cameras read it best so.
import { codeOf } from "../format/qr";

const quiet = 4; // modules around the code

/** Nothing where the text does not fit: see codeOf(). */
export function Qr({ text, label }: { text: string; label: string }) {
  const code = codeOf(text);
  if (code === undefined) return null;
  const count = code.getModuleCount();
  let path = "";
  for (let row = 0; row < count; ++row) {
    for (let column = 0; column < count; ++column) {
      if (code.isDark(row, column)) path += `M${column + quiet} ${row + quiet}h1v1h-1z`;
    }
  }
  const size = count + 2 * quiet;
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect class="qr-light" width={size} height={size} />
      <path class="qr-dark" d={path} />
    </svg>
  );
}
