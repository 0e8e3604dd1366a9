// A throughput series for the chart: loaded once, then extended by the stream. Pure.
import type { Rates, Timeseries } from "../api/types";

export interface Series {
  step: number;
  /** The time that the chart shows, in seconds. */
  reach: number;
  /** Seconds since 1970, of the end of each step; oldest first. */
  times: number[];
  /** Bits per second; null: no data. */
  inbound: (number | null)[];
  outbound: (number | null)[];
  /** How many values from the stream the last point is the mean of; 0: it was loaded. */
  folded: number;
}

/** The last `reach` seconds of an answer. */
export function seriesOf(answer: Timeseries, reach: number): Series {
  const from = Math.max(0, answer.times.length - Math.ceil(reach / answer.step_seconds));
  return {
    step: answer.step_seconds,
    reach,
    times: answer.times.slice(from),
    inbound: answer.rx_bits_per_second.slice(from),
    outbound: answer.tx_bits_per_second.slice(from),
    folded: 0,
  };
}

/** The series plus a value at `at` (seconds). Values within one step are averaged; old points are removed. */
export function grown(series: Series, at: number, rates: Rates): Series {
  const end = Math.ceil(at / series.step) * series.step;
  const last = series.times.at(-1);
  if (last !== undefined && end < last) return series;
  const next: Series = {
    ...series,
    times: [...series.times],
    inbound: [...series.inbound],
    outbound: [...series.outbound],
  };
  if (last === end) fold(next, rates);
  else append(next, end, last, rates);
  const oldest = end - series.reach;
  const gone = next.times.findIndex((time) => time > oldest);
  if (gone > 0) for (const column of [next.times, next.inbound, next.outbound]) column.splice(0, gone);
  return next;
}

function fold(series: Series, rates: Rates): void {
  const index = series.times.length - 1;
  const weight = series.folded;
  const mean = (old: number | null | undefined, value: number) =>
    weight === 0 || old == null ? value : (old * weight + value) / (weight + 1);
  series.inbound[index] = mean(series.inbound[index], rates.rx_bits_per_second);
  series.outbound[index] = mean(series.outbound[index], rates.tx_bits_per_second);
  series.folded = weight + 1;
}

function append(series: Series, end: number, last: number | undefined, rates: Rates): void {
  // Missing steps make a gap in the line, not a straight line across it.
  if (last !== undefined && end - last > 3 * series.step) {
    series.times.push(last + series.step);
    series.inbound.push(null);
    series.outbound.push(null);
  }
  series.times.push(end);
  series.inbound.push(rates.rx_bits_per_second);
  series.outbound.push(rates.tx_bits_per_second);
  series.folded = 1;
}

export interface Summary {
  inbound: number;
  outbound: number;
  /** The maximum of both directions. */
  peak: number;
}

export function summaryOf(series: Series): Summary | undefined {
  if (series.times.length === 0) return undefined;
  let peak = 0;
  for (const column of [series.inbound, series.outbound]) for (const value of column) peak = Math.max(peak, value ?? 0);
  return { inbound: series.inbound.at(-1) ?? 0, outbound: series.outbound.at(-1) ?? 0, peak };
}
