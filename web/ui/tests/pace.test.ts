import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { pace, refreshMilliseconds } from "../src/state/pace";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("is due once in its time, and not before", () => {
  const isDue = pace();
  expect(isDue()).toBe(false);
  vi.advanceTimersByTime(refreshMilliseconds - 1);
  expect(isDue()).toBe(false);
  vi.advanceTimersByTime(1);
  expect(isDue()).toBe(true);
  expect(isDue()).toBe(false);
  vi.advanceTimersByTime(refreshMilliseconds);
  expect(isDue()).toBe(true);
});
