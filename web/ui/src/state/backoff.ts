// The delay before the next attempt. Pure.

const first = 1000;
const most = 30_000;

/** Milliseconds before attempt `tries` (1 = the first after a failure). `luck`, 0..1, spreads clients over time. */
export function backoff(tries: number, luck: number, retryAfterSeconds = 0): number {
  const wait = Math.min(most, first * 2 ** (Math.max(1, tries) - 1));
  return Math.max(retryAfterSeconds * 1000, wait * (0.75 + luck / 2));
}
