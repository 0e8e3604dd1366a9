import { describe, expect, it } from "vitest";

import { grown, seriesOf, summaryOf, type Series } from "../src/state/series";

const rates = (value: number) => ({ rx_bits_per_second: value, tx_bits_per_second: 2 * value });
const reach = 600;
const empty = (step: number): Series =>
  seriesOf({ step_seconds: step, times: [], rx_bits_per_second: [], tx_bits_per_second: [] }, reach);

describe("a throughput series", () => {
  it("grows with the values of the stream", () => {
    const series = [100, 102, 104].reduce((before, at) => grown(before, at, rates(at)), empty(2));
    expect([series.times, series.inbound, series.outbound]).toEqual([
      [100, 102, 104],
      [100, 102, 104],
      [200, 204, 208],
    ]);
  });

  it("averages the values within one step", () => {
    const series = [61, 63, 65, 121].reduce((before, at) => grown(before, at, rates(at)), empty(60));
    expect([series.times, series.inbound]).toEqual([
      [120, 180],
      [63, 121],
    ]);
  });

  it("shows a break as a gap", () => {
    const series = grown(grown(empty(2), 100, rates(1)), 200, rates(2));
    expect([series.times, series.inbound]).toEqual([
      [100, 102, 200],
      [1, null, 2],
    ]);
  });

  it("removes old points and stays within its bound", () => {
    let series = empty(2);
    for (let at = 0; at < 5000; at += 2) series = grown(series, at, rates(1));
    expect(series.times.length).toBe(reach / 2);
    expect(series.times.at(-1)).toBe(4998);
  });

  it("is the part of an answer that the chart shows", () => {
    const times = Array.from({ length: 1440 }, (_, index) => 60 * (index + 1));
    const answer = { step_seconds: 60, times, rx_bits_per_second: times, tx_bits_per_second: times };
    const hour = seriesOf(answer, 3600);
    expect([hour.times.length, hour.times.at(-1), hour.inbound.length, hour.reach]).toEqual([60, 86400, 60, 3600]);
    expect(seriesOf(answer, 86400).times.length).toBe(1440);
    const short = { ...answer, times: [60], rx_bits_per_second: [1], tx_bits_per_second: [1] };
    expect(seriesOf(short, 3600).times).toEqual([60]);
  });

  it("ignores values older than its last point", () => {
    const series = grown(empty(2), 100, rates(1));
    expect(grown(series, 90, rates(5))).toBe(series);
  });

  it("does not change the previous series", () => {
    const before = grown(empty(2), 100, rates(1));
    grown(before, 102, rates(2));
    grown(before, 100, rates(9));
    expect(before.inbound).toEqual([1]);
  });

  it("has its latest and largest values", () => {
    const series = grown(grown(empty(2), 100, rates(9)), 102, rates(1));
    expect(summaryOf(series)).toEqual({ inbound: 1, outbound: 2, peak: 18 });
    expect(summaryOf(empty(2))).toBeUndefined();
  });
});
