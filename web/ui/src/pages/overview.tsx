// Alarms, totals, throughput and the latest events.
import { useCallback, useEffect } from "preact/hooks";

import { api } from "../api/client";
import type { Alarm, Delta, Overview as OverviewData } from "../api/types";
import { bitsText, bytesText, countText } from "../format/amount";
import { customerLooks, peerRule } from "../format/words";
import { Alarms as AlarmList } from "../parts/alarms";
import { Badge } from "../parts/badge";
import { Card } from "../parts/card";
import { Chart } from "../parts/chart";
import { ConnectionsFigure } from "../parts/connections_figure";
import { Drops } from "../parts/drops";
import { EventList } from "../parts/event_list";
import { Heading } from "../parts/heading";
import { Hint } from "../parts/hint";
import { Empty, Failed, Loading } from "../parts/notice";
import { Direction, RatePair } from "../parts/rates";
import { Shape } from "../parts/shape";
import { customerHref } from "../router";
import { withNews } from "../state/history";
import { onDelta, setSubject } from "../state/live";
import { loadOverview, overview, overviewFailure } from "../state/overview";
import { useResource } from "../state/resource";
import { seesAll } from "../state/session";
import { Soon } from "./soon";

const shownEvents = 8;
const shownBusy = 5;
const totalRates = (delta: Delta) => delta.overview.rates;

export function Overview() {
  const data = overview.value;
  return (
    <>
      <div class="page-head">
        <Heading>Overview</Heading>
        {data && (
          <p class="soft small">
            Warren {data.version}
            {data.slot !== null && ` · slot ${data.slot}`} · configuration {data.generation}
          </p>
        )}
      </div>
      {data ? (
        <Filled data={data} />
      ) : overviewFailure.value ? (
        <Failed what="The overview" failure={overviewFailure.value} retry={loadOverview} />
      ) : (
        <Loading what="the overview" lines={6} />
      )}
    </>
  );
}

function Filled({ data }: { data: OverviewData }) {
  return (
    <>
      <Alarms alarms={data.alarms} verdict={data.verdict} />
      <Figures data={data} />
      {seesAll.value && <Chart title="Throughput" ratesOf={totalRates} />}
      <div class="columns">
        <div>
          <Soon />
          <Busiest />
          {data.drops.length > 0 && (
            <Card title="Dropped before a customer was known">
              <Drops drops={data.drops} />
              <p class="soft small">
                Who was refused lately: see <a href="#/system">System</a>.
              </p>
            </Card>
          )}
        </div>
        <Latest />
      </div>
    </>
  );
}

function Alarms({ alarms, verdict }: { alarms: readonly Alarm[]; verdict: string }) {
  const most = 20;
  if (alarms.length === 0) {
    return (
      <p class="all-well">
        <Shape name="full" /> {verdict}
      </p>
    );
  }
  return (
    <section class="alarms" aria-label="Alarms">
      <p class="visually-hidden" role="status">
        {verdict}
      </p>
      <AlarmList alarms={alarms.slice(0, most)} linked />
      {alarms.length > most && (
        <p class="soft">
          and {countText(alarms.length - most)} more: <a href="#/customers?state=down">all customers that are down</a>
        </p>
      )}
    </section>
  );
}

function Figures({ data }: { data: OverviewData }) {
  const states = (["up", "degraded", "down", "never", "suspended", "unserved"] as const).filter(
    (state) => data.customers[state] > 0,
  );
  return (
    <div class="figures">
      <section class="figure-card" aria-label="Customers">
        <p class="figure-name">Customers</p>
        <p class="figure">{countText(data.customers.total)}</p>
        <ul class="breakdown">
          {states.map((state) => (
            <li key={state}>
              <a class={`tone-${customerLooks[state].tone}`} href={`#/customers?state=${state}`}>
                <Shape name={customerLooks[state].shape} />
                {countText(data.customers[state])} {customerLooks[state].word.toLowerCase()}
              </a>
            </li>
          ))}
        </ul>
      </section>
      <section class="figure-card" aria-label="Peers online">
        <p class="figure-name">
          Peers online <Hint about="online" text={peerRule} />
        </p>
        <p class="figure">
          {countText(data.peers.online)} <span class="figure-of">of {countText(data.peers.total)}</span>
        </p>
        <p class="soft small">
          {countText(data.peers.idle)} idle · {countText(data.peers.never)} never online
        </p>
      </section>
      {data.connections.total > 0 && <ConnectionsFigure counts={data.connections} />}
      <section class="figure-card" aria-label="Throughput now">
        <p class="figure-name">Throughput</p>
        <p class="figure">{bitsText(data.rates.rx_bits_per_second + data.rates.tx_bits_per_second)}</p>
        <p class="small figure-rates">
          <Direction way="in" bits={data.rates.rx_bits_per_second} />
          <Direction way="out" bits={data.rates.tx_bits_per_second} />
        </p>
      </section>
      <section class="figure-card" aria-label="Traffic">
        <p class="figure-name">Traffic</p>
        <p class="figure">{bytesText(data.rx_bytes + data.tx_bytes)}</p>
        <p class="soft small">
          {bytesText(data.rx_bytes)} in · {bytesText(data.tx_bytes)} out
        </p>
      </section>
    </div>
  );
}

function Busiest() {
  const busy = useResource("busiest", (signal) =>
    api.customers({ sort: "rate", order: "desc", limit: shownBusy }, signal),
  );
  const rows = busy.value.value?.items;
  useEffect(() => {
    if (rows) setSubject({ watch: rows.map((row) => row.id) });
  }, [rows?.map((row) => row.id).join()]);
  useEffect(
    () =>
      onDelta((delta) => {
        if (delta.reload) return busy.reload();
        const changed = new Map(delta.customers.map((row) => [row.id, row]));
        busy.update((page) => ({ ...page, items: page.items.map((row) => changed.get(row.id) ?? row) }));
      }),
    [],
  );
  return (
    <Card title="Busiest customers" aside={<a href="#/customers?sort=rate&order=desc">All customers</a>}>
      {rows === undefined ? (
        busy.failure.value ? (
          <Failed what="The customers" failure={busy.failure.value} retry={busy.reload} />
        ) : (
          <Loading what="the busiest customers" lines={shownBusy} />
        )
      ) : rows.length === 0 ? (
        <Empty title="No customers yet">
          Add a file to the configuration's customers directory, then run vpnctl apply.
        </Empty>
      ) : (
        <ul class="lines">
          {rows.map((row) => (
            <li key={row.id}>
              <a class="line-name ellipsis" href={customerHref(row.id)}>
                {row.name}
              </a>
              <Badge look={customerLooks[row.state]} title={row.state_sentence} />
              <RatePair rates={row.rates} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Latest() {
  const events = useResource("latest", (signal) =>
    api.events({ limit: shownEvents }, signal).then((list) => list.items),
  );
  const update = useCallback((delta: Delta) => {
    if (delta.events.length > 0) events.update((shown) => withNews(shown, delta.events, shownEvents));
  }, []);
  useEffect(() => onDelta(update), []);
  const shown = events.value.value;
  return (
    <Card title="Latest events" aside={<a href="#/events">All events</a>}>
      {shown === undefined ? (
        events.failure.value ? (
          <Failed what="The events" failure={events.failure.value} retry={events.reload} />
        ) : (
          <Loading what="the latest events" lines={shownEvents} />
        )
      ) : shown.length === 0 ? (
        <Empty title="Nothing has changed yet">Handshakes, roaming, drops and configuration changes appear here.</Empty>
      ) : (
        <EventList events={shown} />
      )}
    </Card>
  );
}
