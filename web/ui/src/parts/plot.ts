// The canvas of a throughput chart: uPlot with the page's colours. In is drawn upwards, out downwards, so that neither
// hides the other. Loaded only when there is a chart.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { momentText } from "../format/time";
import { type Series } from "../state/series";
import { bitsText } from "../format/amount";

const height = 200;
const smallestScale = 10_000; // bit/s, so that keepalives do not fill the chart

export class Plot {
  private readonly plot: uPlot;
  private readonly resizes: ResizeObserver;
  private frame = 0;
  private series: Series;

  /** `host` must be empty. `onCursor` gets the index under the pointer, or null. */
  constructor(
    private readonly host: HTMLElement,
    series: Series,
    onCursor: (index: number | null) => void,
  ) {
    this.series = series;
    this.plot = new uPlot(this.options(onCursor), columns(series), host);
    this.resizes = new ResizeObserver(() => {
      if (host.clientWidth > 0) this.plot.setSize({ width: host.clientWidth, height });
    });
    this.resizes.observe(host);
  }

  /** Draws with the next frame; a later call before that replaces it. */
  show(series: Series): void {
    this.series = series;
    this.later(() => this.plot.setData(columns(this.series)));
  }

  recolour(): void {
    this.plot.redraw(false, true);
  }

  end(): void {
    cancelAnimationFrame(this.frame);
    this.resizes.disconnect();
    this.plot.destroy();
  }

  private later(draw: () => void): void {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(draw);
  }

  private options(onCursor: (index: number | null) => void): uPlot.Options {
    const axis = {
      stroke: () => colour(this.host, "--ink-soft"),
      grid: { stroke: () => colour(this.host, "--line"), width: 1 },
      ticks: { show: false },
      font: `12px ${getComputedStyle(this.host).fontFamily}`,
    };
    const line = (name: string): uPlot.Series => ({
      stroke: () => colour(this.host, name),
      fill: () => faded(colour(this.host, name)),
      width: 1.75,
      points: { show: false },
      spanGaps: false,
    });
    return {
      width: Math.max(this.host.clientWidth, 100),
      height,
      padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: {
        x: { time: true, range: (_, __, last) => [(last ?? 0) - this.series.reach, last ?? 0] },
        y: {
          range: (_, least, most) => [
            Math.min((least ?? 0) * 1.15, -smallestScale),
            Math.max((most ?? 0) * 1.15, smallestScale),
          ],
        },
      },
      axes: [
        {
          ...axis,
          size: 28,
          space: 80,
          values: (_, times) => times.map((time) => tickText(time * 1000, this.series.reach)),
        },
        { ...axis, size: 84, space: 24, values: (_, values) => values.map(axisText) },
      ],
      series: [{}, line("--series-in"), line("--series-out")],
      hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)] },
    };
  }
}

/** "14:05", or "11-28" over several days. */
function tickText(at: number, reach: number): string {
  const text = momentText(at, reach);
  return text.length > 8 ? text.slice(5, 10) : text.slice(0, 5);
}

/** As in the legend, without trailing zeros; out is drawn below zero. */
function axisText(bits: number): string {
  return bits === 0
    ? "0"
    : bitsText(Math.abs(bits))
        .replace(/(\.\d*?)0+ /, "$1 ")
        .replace(". ", " ");
}

function columns(series: Series): uPlot.AlignedData {
  return [series.times, series.inbound, series.outbound.map((bits) => bits && -bits)];
}

/** A colour of the stylesheet, resolved for the canvas. */
function colour(host: HTMLElement, name: string): string {
  const probe = host.ownerDocument.createElement("i");
  probe.style.color = `var(${name})`;
  host.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function faded(rgb: string): string {
  return rgb.replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)");
}
