// What the reader's screen is like.
import { signal } from "@preact/signals";

const phone = matchMedia("(max-width: 639.98px)");

/** Tables are shown as cards: the same width as in the stylesheet. */
export const narrow = signal(phone.matches);

phone.addEventListener("change", () => {
  narrow.value = phone.matches;
});

let lastInput = 0;
const attention = 5 * 60 * 1000;

/** Whether somebody used the page in the last five minutes. What only an unwatched screen would ask for is not asked: the session is to end. */
export function attended(): boolean {
  return !document.hidden && Date.now() - lastInput < attention;
}

/** `callback` runs on input, at most once in `gap` milliseconds. */
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
