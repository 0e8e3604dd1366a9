import { describe, expect, it } from "vitest";

import { bytesText, countText, plural, rateText, shareText } from "../src/format/amount";
import { afterText, emulationText, ratesText, usedShare, usedText } from "../src/format/limits";
import { clockText, dayText, isoText, localText, momentText, relativeText, spanText } from "../src/format/time";

describe("amounts", () => {
  it("writes volumes in binary units with three digits", () => {
    expect([0, 1023, 1024, 1536, 123_456_789, 5 * 2 ** 50].map(bytesText)).toEqual([
      "0 B",
      "1023 B",
      "1.00 KiB",
      "1.50 KiB",
      "118 MiB",
      "5.00 PiB",
    ]);
  });

  it("writes rates in decimal bits per second", () => {
    expect([0, 1, 124, 125, 1_250_000, 1.25e10].map(rateText)).toEqual([
      "0 bit/s",
      "8 bit/s",
      "992 bit/s",
      "1.00 kbit/s",
      "10.0 Mbit/s",
      "100 Gbit/s",
    ]);
  });

  it("groups counts and forms plurals", () => {
    expect(countText(1234567)).toBe("1,234,567");
    expect([plural(1, "peer"), plural(0, "peer"), plural(2, "match", "matches")]).toEqual([
      "1 peer",
      "0 peers",
      "2 matches",
    ]);
  });

  it("never rounds a small share to 0 %", () => {
    expect([0, 0.004, 0.5, 1, 1.5].map(shareText)).toEqual(["0 %", "< 1 %", "50 %", "100 %", "150 %"]);
  });
});

describe("times", () => {
  const now = Date.UTC(2026, 10, 3, 14, 5, 9);

  it("are in the reader's zone wherever a person reads them", () => {
    const zone = process.env.TZ;
    try {
      process.env.TZ = "Asia/Kolkata";
      expect(localText(now)).toBe("2026-11-03 19:35:09 +05:30");
      expect(momentText(now, 600)).toBe("19:35:09");
      expect(momentText(now, 604800)).toBe("2026-11-03 19:35");
      process.env.TZ = "America/St_Johns";
      expect(localText(now)).toBe("2026-11-03 10:35:09 -03:30");
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });

  it("writes spans in their two largest units", () => {
    expect([0, 59, 60, 3599, 3600, 3660, 86400, 90000, -5].map(spanText)).toEqual([
      "0 s",
      "59 s",
      "1 min",
      "59 min",
      "1 h",
      "1 h 1 min",
      "1 d",
      "1 d 1 h",
      "0 s",
    ]);
  });

  it("says how long ago, or how soon", () => {
    expect(relativeText(now - 2000, now)).toBe("just now");
    expect(relativeText(now - 42_000, now)).toBe("42 s ago");
    expect(relativeText(now + 3 * 3600_000, now)).toBe("in 3 h");
  });

  it("writes ISO 8601 without fractions", () => {
    expect(isoText(now + 123)).toBe("2026-11-03T14:05:09Z");
  });

  it("names today and yesterday in the reader's time zone", () => {
    const noon = new Date(2026, 10, 3, 12).getTime();
    expect(dayText(noon - 3600_000, noon)).toBe("Today");
    expect(dayText(noon - 24 * 3600_000, noon)).toBe("Yesterday");
    expect(dayText(noon - 72 * 3600_000, noon)).toBe("2026-10-31");
    expect(clockText(noon + 7000)).toBe("12:00:07");
  });
});

describe("limits", () => {
  const quota = { quota_bytes: 500 * 2 ** 30, after_quota: 64_000, quota_spent: false };
  const used = { month_rx_bytes: 12 * 2 ** 30, month_tx_bytes: 400 * 2 ** 30 };

  it("says how much of a quota is used, in both directions together", () => {
    expect(usedText({ ...quota, ...used })).toBe("412 GiB of 500 GiB (82 %)");
    expect(usedShare({ ...quota, ...used })).toBeCloseTo(0.824);
    const none = { quota_bytes: null, after_quota: null, quota_spent: null };
    expect(usedText({ ...none, ...used })).toBe("412 GiB, no quota");
    expect(usedShare({ ...none, ...used })).toBeUndefined();
  });

  it("says what happens once it is spent", () => {
    expect(["drop" as const, 64_000].map(afterText)).toEqual(["nothing passes", "64.0 kbit/s each way"]);
  });

  it("writes the rates of both directions", () => {
    expect(ratesText(20e6, null)).toBe("up 20.0 Mbit/s, down no limit");
    expect(ratesText(null, null)).toBe("none");
  });

  it("writes what a test link does", () => {
    const nothing = { delay_us: 0, jitter_us: 0, loss: 0, reorder: 0, duplicate: 0, rate: null };
    expect(emulationText(nothing)).toBe("unchanged");
    const bad = { delay_us: 50_000, jitter_us: 1500, loss: 2500, reorder: 0, duplicate: 10_000, rate: 2e6 };
    expect(emulationText(bad)).toBe("delay 50 ms ± 1.5 ms, loss 0.25 %, duplicate 1 %, rate 2.00 Mbit/s");
  });
});
