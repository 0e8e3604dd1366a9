// Throughput over time, live: ten minutes to 30 days.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { api, Failure } from "../api/client";
import type { Delta, Rates } from "../api/types";
import { momentText } from "../format/time";
import { onDelta } from "../state/live";
import { useResource } from "../state/resource";
import { grown, seriesOf, summaryOf, type Series } from "../state/series";
import { colours } from "../state/theme";
import { Card } from "./card";
import { Choice } from "./choice";
import { Failed, Loading } from "./notice";
import type { Plot } from "./plot";
import { bitsText } from "../format/amount";

interface Props {
  title: string;
  /** Without one: all customers together. */
  customer?: string;
  peer?: string;
  connection?: string;
  /** The current rates after this delta; undefined: unknown. */
  ratesOf: (delta: Delta) => Rates | undefined;
}

// `range`: what is kept on disk, of customers and of all together; else what statusd has seen since its start.
const reaches = [
  { value: "600", text: "10 min", step: 2, range: undefined, spoken: "10 minutes" },
  { value: "3600", text: "1 h", step: 60, range: "hour", spoken: "hour" },
  { value: "86400", text: "24 h", step: 60, range: "day", spoken: "24 hours" },
  { value: "604800", text: "7 d", step: 1800, range: "week", spoken: "7 days" },
  { value: "2592000", text: "30 d", step: undefined, range: "month", spoken: "30 days" },
] as const;
type Reach = (typeof reaches)[number];

type Subject = { customer?: string; peer?: string; connection?: string };

async function load(subject: Subject, reach: Reach, signal: AbortSignal): Promise<Series> {
  const seconds = Number(reach.value);
  const isKept = subject.peer === undefined && subject.connection === undefined;
  const live = () => api.timeseries(subject, reach.step ?? 1800, signal);
  if (reach.range === undefined || !isKept) return seriesOf(await live(), seconds);
  const kept = await api.timeseries(subject, reach.range, signal).catch((error: unknown) => {
    // Nothing is kept on disk.
    if (error instanceof Failure && error.status === 503 && reach.step !== undefined) return live();
    throw error;
  });
  return seriesOf(kept, seconds);
}

export function Chart({ title, customer, peer, connection, ratesOf }: Props) {
  const shown = useSignal<Reach>(reaches[0]);
  const reach = shown.value.value;
  const subject = {
    ...(customer !== undefined && { customer }),
    ...(peer !== undefined && { peer }),
    ...(connection !== undefined && { connection }),
  };
  const isKept = peer === undefined && connection === undefined;
  const key = `${customer}/${peer}/${connection}/${reach}`;
  const series = useResource<Series>(key, (signal) => load(subject, shown.value, signal));

  useEffect(
    () =>
      onDelta((delta) => {
        const rates = ratesOf(delta);
        if (rates) series.update((before) => grown(before, Date.parse(delta.as_of) / 1000, rates));
      }),
    [ratesOf],
  );

  const aside = (
    <Choice
      label="Time shown"
      options={reaches.filter((one) => one.step !== undefined || isKept)}
      value={reach}
      onChange={(value) => (shown.value = reaches.find((one) => one.value === value) ?? reaches[0])}
    />
  );
  return (
    <Card title={title} aside={aside}>
      {series.value.value !== undefined ? (
        <Figure series={series.value.value} title={title} key={key} />
      ) : series.failure.value !== undefined ? (
        <Failed what="The chart" failure={series.failure.value} retry={series.reload} />
      ) : (
        <div class="plot">
          <Loading what="the chart" lines={4} />
        </div>
      )}
    </Card>
  );
}

function Figure({ series, title }: { series: Series; title: string }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot>();
  const latest = useRef(series);
  latest.current = series;
  const cursor = useSignal<number | null>(null);

  useEffect(() => {
    let gone = false;
    void import("./plot").then(({ Plot }) => {
      if (!gone && host.current)
        plot.current = new Plot(host.current, latest.current, (index) => (cursor.value = index));
    });
    return () => {
      gone = true;
      plot.current?.end();
      plot.current = undefined;
    };
  }, []);
  useEffect(() => plot.current?.show(series), [series]);
  useEffect(() => colours.subscribe(() => plot.current?.recolour()), []);

  const summary = summaryOf(series);
  const reach = `the last ${reaches.find((one) => Number(one.value) === series.reach)?.spoken}`;
  const [inbound, outbound, peak] = [summary?.inbound, summary?.outbound, summary?.peak].map((bits) =>
    bitsText(bits ?? 0),
  );
  const spoken = summary
    ? `${title} over ${reach}: now ${inbound} in and ${outbound} out, at most ${peak}.`
    : `${title}: no data yet.`;
  return (
    <figure>
      <div class="plot" ref={host} role="img" aria-label={spoken} />
      <figcaption>
        <Legend series={series} at={cursor.value} />
        {summary && (
          <span class="soft">
            peak <span data-test="peak">{bitsText(summary.peak)}</span>
          </span>
        )}
      </figcaption>
    </figure>
  );
}

/** The values under the pointer, otherwise the latest. */
function Legend({ series, at }: { series: Series; at: number | null }) {
  const index = at !== null && at < series.times.length ? at : series.times.length - 1;
  const time = series.times[index];
  const text = (column: (number | null)[]) => {
    const value = column[index];
    return value == null ? "–" : bitsText(value);
  };
  return (
    <>
      <span class="legend legend-in">
        In <strong>{text(series.inbound)}</strong>
      </span>
      <span class="legend legend-out">
        Out <strong>{text(series.outbound)}</strong>
      </span>
      {at !== null && time !== undefined && <span class="soft">at {momentText(time * 1000, series.reach)}</span>}
    </>
  );
}
