// One IPsec connection: state, its SAs, throughput, events and configuration.
import { useCallback, useEffect } from "preact/hooks";

import { api } from "../api/client";
import type { Connection as ConnectionRow, ConnectionDetail, Delta, Event } from "../api/types";
import { bytesText, countText, plural } from "../format/amount";
import { ratesText } from "../format/limits";
import { localText } from "../format/time";
import { connectionLook, connectionRule, natText } from "../format/words";
import { Ago } from "../parts/ago";
import { Badge } from "../parts/badge";
import { Card } from "../parts/card";
import { Chart } from "../parts/chart";
import { EventList } from "../parts/event_list";
import { Fact, Facts } from "../parts/facts";
import { Heading } from "../parts/heading";
import { Hint } from "../parts/hint";
import { Empty, Failed, Loading, NotThere } from "../parts/notice";
import { Quota } from "../parts/quota";
import { RatePair } from "../parts/rates";
import { customerHref } from "../router";
import { announce } from "../state/announce";
import { withNews } from "../state/history";
import { onDelta, setSubject } from "../state/live";
import { pace } from "../state/pace";
import { useResource } from "../state/resource";
import { attended } from "../state/screen";
import { IkeSas } from "./ike_sas";

const shownEvents = 50;

export function Connection({ customer, name }: { customer: string; name: string }) {
  const key = `${customer}/${name}`;
  const connection = useResource<ConnectionDetail>(key, (signal) => api.connection(customer, name, signal));
  const events = useResource<Event[]>(key, (signal) =>
    api.events({ customer, connection: name, limit: shownEvents }, signal).then((list) => list.items),
  );
  const data = connection.value.value;

  useEffect(() => setSubject({ customer }), [customer]);
  useEffect(() => {
    const isDue = pace();
    return onDelta((delta) => {
      const row = rowOf(delta, customer, name);
      const before = connection.value.peek();
      if (row) connection.update((shown) => ({ ...shown, ...row }));
      // Its SAs are not in the stream. Load them when others were made, and now and then while the page is in use.
      const others =
        row !== undefined &&
        before !== undefined &&
        (row.state !== before.state || row.last_handshake !== before.last_handshake);
      if (delta.reload || (attended() && (others || (row !== undefined && isDue())))) connection.reload();
      const its = delta.events.filter((event) => event.customer === customer && event.connection === name);
      if (its.length === 0) return;
      announce(its);
      events.update((shown) => withNews(shown, its, shownEvents));
    });
  }, [key]);
  const ratesOf = useCallback(
    (delta: Delta) => (rowOf(delta, customer, name) ?? connection.value.peek())?.rates,
    [key],
  );

  if (data === undefined) {
    if (connection.failure.value?.status === 404) return <NotThere what="connection" />;
    return (
      <>
        <Heading>{name}</Heading>
        {connection.failure.value ? (
          <Failed what="The connection" failure={connection.failure.value} retry={connection.reload} />
        ) : (
          <Loading what="the connection" lines={6} />
        )}
      </>
    );
  }
  return (
    <>
      <Head data={data} />
      <Figures data={data} />
      <IkeSas data={data} />
      <Chart title="Throughput" customer={customer} connection={name} ratesOf={ratesOf} />
      <div class="columns">
        <Card
          title="Latest events"
          aside={
            <a href={`#/events?customer=${encodeURIComponent(customer)}&connection=${encodeURIComponent(name)}`}>
              All events
            </a>
          }
        >
          {events.value.value === undefined ? (
            events.failure.value ? (
              <Failed what="The events" failure={events.failure.value} retry={events.reload} />
            ) : (
              <Loading what="the events" lines={4} />
            )
          ) : events.value.value.length === 0 ? (
            <Empty title="No events">Nothing has changed in the last 30 days.</Empty>
          ) : (
            <EventList events={events.value.value} subject="none" />
          )}
        </Card>
        <Configuration data={data} />
      </div>
    </>
  );
}

function rowOf(delta: Delta, customer: string, name: string): ConnectionRow | undefined {
  return delta.connections.find((one) => one.customer === customer && one.name === name);
}

function Head({ data }: { data: ConnectionDetail }) {
  return (
    <div class="page-head">
      <nav class="trail small" aria-label="Breadcrumb">
        <a href="#/customers">Customers</a> <span aria-hidden="true">/</span>{" "}
        <a href={customerHref(data.customer)}>{data.customer}</a>
      </nav>
      <Heading>{data.name}</Heading>
      <p class="page-state">
        <Badge look={connectionLook(data)} /> <Hint about="this state" text={connectionRule} />
        <span class="soft">
          {data.state_sentence}
          {data.state_since !== null && (
            <>
              {" · since "}
              <Ago at={data.state_since} />
            </>
          )}
          {data.next_attempt !== null && (
            <>
              {" · next attempt "}
              <Ago at={data.next_attempt} />
            </>
          )}
        </span>
      </p>
    </div>
  );
}

function Figures({ data }: { data: ConnectionDetail }) {
  return (
    <div class="figures">
      <section class="figure-card" aria-label="Last SA">
        <p class="figure-name">Last SA</p>
        <p class="figure">
          <Ago at={data.last_handshake} />
        </p>
        <p class="soft small iso">
          {data.last_handshake === null ? "none yet" : localText(Date.parse(data.last_handshake))}
        </p>
      </section>
      <section class="figure-card" aria-label="Throughput now">
        <p class="figure-name">Throughput</p>
        <p class="figure figure-rates">
          <RatePair rates={data.rates} />
        </p>
      </section>
      <section class="figure-card" aria-label="Traffic">
        <p class="figure-name">Traffic</p>
        <p class="figure">{bytesText(data.rx_bytes + data.tx_bytes)}</p>
        <p class="soft small">
          {bytesText(data.rx_bytes)} in · {bytesText(data.tx_bytes)} out
        </p>
      </section>
      {data.max_sessions > 1 ? (
        <section class="figure-card" aria-label="Sessions">
          <p class="figure-name">Sessions</p>
          <p class="figure">
            {countText(data.sessions)} <span class="figure-of">of {countText(data.max_sessions)}</span>
          </p>
        </section>
      ) : (
        <section class="figure-card" aria-label="Endpoint">
          <p class="figure-name">Endpoint</p>
          <p class="figure figure-text">{data.endpoint === null ? "unknown" : <code>{data.endpoint}</code>}</p>
          <p class="soft small">{data.nat === null ? "no IKE SA" : natText[data.nat]}</p>
        </section>
      )}
    </div>
  );
}

function Configuration({ data }: { data: ConnectionDetail }) {
  return (
    <Card title="Configuration">
      <Facts>
        <Fact name="Expects">
          <code>{data.remote_identity}</code>
        </Fact>
        <Fact name="At">{data.remote_address === null ? "any address" : <code>{data.remote_address}</code>}</Fact>
        <Fact name="We are">
          {data.local_identity === null ? "the customer's identity" : <code>{data.local_identity}</code>}
        </Fact>
        <Fact name="Authentication">{data.auth}</Fact>
        <Fact name="Begins">{startText[data.start]}</Fact>
        <Fact name="Networks">
          {data.networks.length === 0
            ? "none"
            : data.networks.map((prefix) => (
                <code key={prefix} class="block">
                  {prefix}
                </code>
              ))}
        </Fact>
        <Fact name="Rate">
          {ratesText(data.rate_up, data.rate_down)}
          {data.max_sessions > 1 && (data.rate_up ?? data.rate_down) !== null && ", of each session"}
        </Fact>
        <Fact name="This month">
          <Quota of={data} />
        </Fact>
        <Fact name="Rekeys">{plural(data.rekeys, "IKE SA")} rekeyed</Fact>
        <Fact name="Failures">{plural(data.failures, "failed attempt")}</Fact>
      </Facts>
    </Card>
  );
}

const startText: Record<ConnectionDetail["start"], string> = {
  responder: "the peer",
  "on-traffic": "we, when a packet needs it",
  always: "we, at once",
};
