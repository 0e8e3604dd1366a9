// The time on the appliance, so that "42 s ago" is right on a machine whose clock is not.
import { signal } from "@preact/signals";

/** Milliseconds since 1970 on the appliance; moves once a second while somebody looks. */
export const now = signal(Date.now());

let offset = 0;
const tolerated = 3000; // the way of an answer, and the age of a snapshot, are no wrong clock

/** `asOf`: what the appliance just said the time is. */
export function adjustClock(asOf: string): void {
  const difference = Date.parse(asOf) - Date.now();
  offset = Math.abs(difference) > tolerated ? difference : 0;
}

export function startClock(): void {
  const tick = () => {
    if (!document.hidden) now.value = Date.now() + offset;
  };
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
}
