// The screen and its use.
import { signal } from "@preact/signals";

const phone = matchMedia("(max-width: 639.98px)");

/** Tables are shown as cards below this width (the same as in the stylesheet). */
export const narrow = signal(phone.matches);

phone.addEventListener("change", () => {
  narrow.value = phone.matches;
});

let lastInput = 0;
const attention = 5 * 60 * 1000;

/** Whether the page was used in the last five minutes. An unused page loads nothing, so that its session can expire. */
export function attended(): boolean {
  return !document.hidden && Date.now() - lastInput < attention;
}

/** `callback` runs on input, at most once per `gap` milliseconds. */
export function onAttention(callback: () => void, gap: number): void {
  let called = Date.now();
  const used = () => {
    lastInput = Date.now();
    if (lastInput - called < gap) return;
    called = lastInput;
    callback();
  };
  lastInput = Date.now();
  for (const event of ["pointerdown", "keydown", "wheel", "touchstart"])
    addEventListener(event, used, { passive: true });
}
