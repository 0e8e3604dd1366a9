// A small sign whose shape has the same meaning as its colour.
import type { JSX } from "preact";

import type { ShapeName } from "../format/words";

const stroke = {
  fill: "none",
  stroke: "currentColor",
  "stroke-width": 2,
  "stroke-linecap": "round",
  "stroke-linejoin": "round",
} as const;

const drawings: Record<ShapeName, JSX.Element> = {
  full: <circle cx="7" cy="7" r="5" fill="currentColor" />,
  half: (
    <>
      <circle cx="7" cy="7" r="4.5" {...stroke} />
      <path d="M7 2.5a4.5 4.5 0 0 0 0 9z" fill="currentColor" />
    </>
  ),
  ring: <circle cx="7" cy="7" r="4.5" {...stroke} />,
  dots: <circle cx="7" cy="7" r="4.5" {...stroke} stroke-dasharray="0.1 3.43" />,
  triangle: <path d="M7 2 12.5 11.6H1.5z" fill="currentColor" stroke="currentColor" stroke-linejoin="round" />,
  cross: <path d="m3 3 8 8m0-8-8 8" {...stroke} stroke-width="2.4" />,
  pause: <path d="M4.6 3v8M9.4 3v8" {...stroke} stroke-width="2.4" />,
  arrow: <path d="M1.5 7h10M8 3.5 11.5 7 8 10.5" {...stroke} />,
  plus: <path d="M7 2v10M2 7h10" {...stroke} />,
  minus: <path d="M2 7h10" {...stroke} />,
  drop: <path d="M7 2v8M3.6 7 7 10.4 10.4 7M2.5 12.5h9" {...stroke} stroke-width="1.8" />,
};

export function Shape({ name }: { name: ShapeName }) {
  return (
    <svg class="shape" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">
      {drawings[name]}
    </svg>
  );
}
