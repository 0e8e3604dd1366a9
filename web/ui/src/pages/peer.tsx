// One peer: state, history, throughput, events and configuration.
import { useCallback, useEffect } from "preact/hooks";

import { api } from "../api/client";
import type { Delta, Event, Peer as PeerData } from "../api/types";
import { bytesText } from "../format/amount";
import { ratesText } from "../format/limits";
import { localText } from "../format/time";
import { peerLook, peerRule, sharedKey } from "../format/words";
import { Ago } from "../parts/ago";
import { Badge } from "../parts/badge";
import { Card } from "../parts/card";
import { ChangeButton } from "../parts/change_button";
import { Chart } from "../parts/chart";
import { Copy } from "../parts/copy";
import { EventList } from "../parts/event_list";
import { Fact, Facts } from "../parts/facts";
import { Heading } from "../parts/heading";
import { Hint } from "../parts/hint";
import { Empty, Failed, Loading, NotThere } from "../parts/notice";
import { Quota } from "../parts/quota";
import { RatePair } from "../parts/rates";
import { customerHref } from "../router";
import { announce } from "../state/announce";
import { mayChange } from "../state/changes";
import { withNews } from "../state/history";
import { onDelta, setSubject } from "../state/live";
import { useResource } from "../state/resource";
import { Timeline } from "./timeline";

const keptEvents = 500;
const shownEvents = 50;

export function Peer({ customer, name }: { customer: string; name: string }) {
  const key = `${customer}/${name}`;
  const peer = useResource<PeerData>(key, (signal) => api.peer(customer, name, signal));
  const events = useResource<Event[]>(key, (signal) =>
    api.events({ customer, peer: name, limit: keptEvents }, signal).then((list) => list.items),
  );
  const data = peer.value.value;

  useEffect(() => setSubject({ customer }), [customer]);
  useEffect(
    () =>
      onDelta((delta) => {
        const row = rowOf(delta, customer, name);
        if (row) peer.update(() => row);
        if (delta.reload) peer.reload();
        const its = delta.events.filter((event) => event.customer === customer && event.peer === name);
        if (its.length === 0) return;
        announce(its);
        events.update((shown) => withNews(shown, its, keptEvents));
      }),
    [key],
  );
  const ratesOf = useCallback((delta: Delta) => (rowOf(delta, customer, name) ?? peer.value.peek())?.rates, [key]);

  if (data === undefined) {
    if (peer.failure.value?.status === 404) return <NotThere what="peer" />;
    return (
      <>
        <Heading>{name}</Heading>
        {peer.failure.value ? (
          <Failed what="The peer" failure={peer.failure.value} retry={peer.reload} />
        ) : (
          <Loading what="the peer" lines={6} />
        )}
      </>
    );
  }
  return (
    <>
      <Head data={data} />
      {data.flaps_with !== null && <SharedKey peer={data} other={data.flaps_with} />}
      {mayChange.value && (
        <div class="changes">
          <ChangeButton
            work={() => api.disable(customer, name)}
            done={() => (location.hash = customerHref(customer))}
            question={`Disable ${name}? Its tunnel ends.`}
          >
            Disable
          </ChangeButton>
        </div>
      )}
      <Figures data={data} />
      <Card title="State, last 24 hours">
        {events.value.value !== undefined ? (
          <Timeline peer={data} events={events.value.value} />
        ) : events.failure.value ? (
          <Failed what="The history" failure={events.failure.value} retry={events.reload} />
        ) : (
          <Loading what="the history" lines={2} />
        )}
      </Card>
      <Chart title="Throughput" customer={customer} peer={name} ratesOf={ratesOf} />
      <div class="columns">
        <Card
          title="Latest events"
          aside={
            <a href={`#/events?customer=${encodeURIComponent(customer)}&peer=${encodeURIComponent(name)}`}>
              All events
            </a>
          }
        >
          {events.value.value === undefined ? (
            <Loading what="the events" lines={4} />
          ) : events.value.value.length === 0 ? (
            <Empty title="No events">Nothing has changed in the last 30 days.</Empty>
          ) : (
            <EventList events={events.value.value.slice(0, shownEvents)} subject="none" />
          )}
        </Card>
        <Configuration data={data} />
      </div>
    </>
  );
}

function rowOf(delta: Delta, customer: string, name: string): PeerData | undefined {
  return delta.peers.find((peer) => peer.customer === customer && peer.name === name);
}

function Head({ data }: { data: PeerData }) {
  return (
    <div class="page-head">
      <nav class="trail small" aria-label="Breadcrumb">
        <a href="#/customers">Customers</a> <span aria-hidden="true">/</span>{" "}
        <a href={customerHref(data.customer)}>{data.customer}</a>
      </nav>
      <Heading>{data.name}</Heading>
      <p class="page-state">
        <Badge look={peerLook(data)} /> <Hint about="this state" text={peerRule} />
        <span class="soft">
          {data.state_sentence}
          {data.state_since !== null && (
            <>
              {" · since "}
              <Ago at={data.state_since} />
            </>
          )}
        </span>
      </p>
    </div>
  );
}

function SharedKey({ peer, other }: { peer: PeerData; other: string }) {
  return (
    <section class="alarm tone-wait" aria-label="Shared key">
      <Badge look={sharedKey} />
      <div>
        <p>
          It goes back and forth between <code>{peer.endpoint ?? "unknown"}</code> and <code>{other}</code>: two
          machines may use its key.
        </p>
        <p class="soft">Give each device a key of its own.</p>
      </div>
    </section>
  );
}

function Figures({ data }: { data: PeerData }) {
  return (
    <div class="figures">
      <section class="figure-card" aria-label="Last handshake">
        <p class="figure-name">Last handshake</p>
        <p class="figure">
          <Ago at={data.last_handshake} />
        </p>
        <p class="soft small iso">
          {data.last_handshake === null ? "no handshake yet" : localText(Date.parse(data.last_handshake))}
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
      <section class="figure-card" aria-label="Endpoint">
        <p class="figure-name">Endpoint</p>
        <p class="figure figure-text">{data.endpoint === null ? "unknown" : <code>{data.endpoint}</code>}</p>
        <p class="soft small">source of its last message</p>
      </section>
    </div>
  );
}

function Configuration({ data }: { data: PeerData }) {
  return (
    <Card title="Configuration">
      <Facts>
        <Fact name="Public key">
          <Copy text={data.public_key} what="the public key" />
        </Fact>
        <Fact name="Allowed IPs">
          {data.allowed_ips.length === 0
            ? "none"
            : data.allowed_ips.map((prefix) => (
                <code key={prefix} class="block">
                  {prefix}
                </code>
              ))}
          {data.allowed_ips_left_out > 0 && <span class="soft">and {data.allowed_ips_left_out} more</span>}
        </Fact>
        {data.maps.length > 0 && (
          <Fact name="Mapped">
            {data.maps.map(({ real, mapped }) => (
              <span key={mapped} class="block">
                <code>{real}</code> is <code>{mapped}</code> here
              </span>
            ))}
          </Fact>
        )}
        <Fact name="Rate">{ratesText(data.rate_up, data.rate_down)}</Fact>
        <Fact name="This month">
          <Quota of={data} />
        </Fact>
        {data.next_public_key !== null && (
          <Fact name="Next public key">
            <Copy text={data.next_public_key} what="the next public key" />
            <span class="block soft">{data.key_in_use === "next" ? "in use" : "not in use yet"}</span>
          </Fact>
        )}
        {data.server_key_in_use === "previous" && <Fact name="Server's key">it still uses the previous one</Fact>}
        {data.expires !== null && (
          <Fact name={data.state === "expired" ? "Expired" : "Expires"}>
            <Ago at={data.expires} />
            <span class="block soft small">{localText(Date.parse(data.expires))}</span>
          </Fact>
        )}
        <Fact name="Preshared key">{data.has_preshared_key ? "yes" : "no"}</Fact>
        <Fact name="Keepalive">
          {data.persistent_keepalive_seconds === 0 ? "off" : `every ${data.persistent_keepalive_seconds} s`}
        </Fact>
      </Facts>
    </Card>
  );
}
