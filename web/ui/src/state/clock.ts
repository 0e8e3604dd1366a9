// The time on the appliance, so that "42 s ago" is right even if the local clock is wrong.
import { signal } from "@preact/signals";

/** Milliseconds since 1970 on the appliance; updated every second while the page is visible. */
export const now = signal(Date.now());

let offset = 0;
const tolerated = 3000; // covers latency and the age of a snapshot

/** `asOf`: the time in an answer that has just arrived. */
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
