// One customer: peers, throughput, drops with their reasons, events, stack and routes.
import { useSignal } from "@preact/signals";
import { useCallback, useEffect } from "preact/hooks";

import { api } from "../api/client";
import type { CustomerDetail, Delta, Lan as LanData, StackNow } from "../api/types";
import { bytesText, countText, plural } from "../format/amount";
import { emulationText, ratesText } from "../format/limits";
import { spanText } from "../format/time";
import { customerLooks, customerRule, peerRule, stackComplete, stackIncomplete, testLink } from "../format/words";
import { AddDevice } from "../parts/add_device";
import { Ago } from "../parts/ago";
import { Alarms } from "../parts/alarms";
import { Badge } from "../parts/badge";
import { Card } from "../parts/card";
import { ChangeButton } from "../parts/change_button";
import { Chart } from "../parts/chart";
import { Commands } from "../parts/commands";
import { Copy } from "../parts/copy";
import { Drops } from "../parts/drops";
import { Fact, Facts } from "../parts/facts";
import { Heading } from "../parts/heading";
import { Hint } from "../parts/hint";
import { Empty, Failed, Loading, NotThere } from "../parts/notice";
import { Quota } from "../parts/quota";
import { RatePair } from "../parts/rates";
import { RecentChanges } from "../parts/recent_changes";
import { Refused } from "../parts/refused";
import { connectionHref, peerHref } from "../router";
import { mayChange, mayManage } from "../state/changes";
import { onDelta, setSubject } from "../state/live";
import { overview } from "../state/overview";
import { pace } from "../state/pace";
import { useResource } from "../state/resource";
import { attended } from "../state/screen";
import { seesAll } from "../state/session";
import { ConnectionsTable } from "./connections_table";
import { Outages } from "./outages";
import { PeersTable } from "./peers_table";
import { RecentEvents } from "./recent_events";
import { Certificates, Firewall, LanNow, Services } from "./stack_now";
import { ConnectionsFigure } from "../parts/connections_figure";

const shownRoutes = 50;

export function Customer({ customer }: { customer: string }) {
  const detail = useResource(customer, (signal) => api.customer(customer, signal));
  const stack = useResource(customer, (signal) => api.stack(customer, signal));
  const data = detail.value.value;

  useEffect(() => setSubject({ customer }), [customer]);
  useEffect(() => {
    const isDue = pace();
    return onDelta((delta) => {
      const row = delta.customers.find((one) => one.id === customer);
      const before = detail.value.peek();
      if (row && before) detail.update((shown) => ({ ...shown, ...row }));
      // Routes, drops and refused senders are not in the stream. Load them when the page is in use: drops when they
      // changed; of who was refused nothing tells, as it is the listener that counts it.
      const more = row !== undefined && before !== undefined && row.drops_total !== before.drops_total;
      const due = attended() && isDue();
      if (delta.reload || due || (attended() && more)) detail.reload();
      if (delta.reload || due) stack.reload();
    });
  }, [customer]);
  const ratesOf = useCallback(
    (delta: Delta) => (delta.customers.find((one) => one.id === customer) ?? detail.value.peek())?.rates,
    [customer],
  );

  if (data === undefined) {
    if (detail.failure.value?.status === 404) return <NotThere what="customer" />;
    return (
      <>
        <Heading>{customer}</Heading>
        {detail.failure.value ? (
          <Failed what="The customer" failure={detail.failure.value} retry={detail.reload} />
        ) : (
          <Loading what="the customer" lines={6} />
        )}
      </>
    );
  }
  return (
    <>
      <Head data={data} />
      <Troubles customer={customer} />
      {data.test_link !== null && <TestLink link={data.test_link} />}
      {mayChange.value && <Changes data={data} reload={detail.reload} />}
      <Figures data={data} />
      {(data.peers.total > 0 || data.connections.total === 0) && (
        <PeersTable customer={customer} descriptions={data.peer_descriptions} key={customer} />
      )}
      {data.connections.total > 0 && <ConnectionsTable customer={customer} key={`${customer}/connections`} />}
      <Chart title="Throughput" customer={customer} ratesOf={ratesOf} />
      <Outages customer={customer} />
      <div class="columns">
        <div>
          <Card title="Dropped packets">
            {data.drops.length > 0 ? (
              <Drops drops={data.drops} />
            ) : (
              <Empty title="No drops">No packet was dropped since the tunnels started.</Empty>
            )}
          </Card>
          <Refused refused={data.refused} ofCustomer />
        </div>
        <div>
          <RecentEvents customer={customer} />
          <RecentChanges customer={customer} />
        </div>
      </div>
      <div class="columns">
        <div>
          <Stack data={data} now={stack.value.value} reload={detail.reload} />
          <Services stack={stack} />
          <Certificates stack={stack} />
          {seesAll.value && <Commands commands={commandsOf(data.id)} />}
        </div>
        <div>
          <Firewall stack={stack} />
          <Limits data={data} />
          <Routes data={data} />
        </div>
      </div>
    </>
  );
}

function Head({ data }: { data: CustomerDetail }) {
  return (
    <div class="page-head">
      <nav class="trail small" aria-label="Breadcrumb">
        <a href="#/customers">Customers</a>
      </nav>
      <Heading>{data.name}</Heading>
      <p class="page-state">
        <Badge look={customerLooks[data.state]} /> <Hint about="this state" text={customerRule} />
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

/** Its alarms, as on the overview. */
function Troubles({ customer }: { customer: string }) {
  const its = overview.value?.alarms.filter((alarm) => alarm.customer === customer) ?? [];
  if (its.length === 0) return null;
  return (
    <section class="alarms" aria-label="Alarms">
      <Alarms alarms={its} />
    </section>
  );
}

function TestLink({ link }: { link: NonNullable<CustomerDetail["test_link"]> }) {
  return (
    <section class="alarm tone-wait" aria-label="Test link">
      <Badge look={testLink} />
      <div>
        <p>Its packets are delayed or lost on purpose.</p>
        <p class="soft">
          From its sites: {emulationText(link.up)}. To its sites: {emulationText(link.down)}.
        </p>
      </div>
    </section>
  );
}

function Changes({ data, reload }: { data: CustomerDetail; reload: () => void }) {
  const adding = useSignal(false);
  const close = () => {
    adding.value = false;
    reload();
  };
  return (
    <div class="changes">
      <button type="button" class="button" onClick={() => (adding.value = true)}>
        Add a device
      </button>
      {data.max_peers !== null && (
        <span class="soft small">
          {countText(data.peers.total)} of {countText(data.max_peers)} devices
        </span>
      )}
      {mayManage.value && data.state !== "suspended" && (
        <ChangeButton
          work={() => api.suspend(data.id)}
          done={reload}
          question={`Suspend ${data.name}? All its tunnels go down.`}
        >
          Suspend
        </ChangeButton>
      )}
      {mayManage.value && data.state === "suspended" && (
        <ChangeButton work={() => api.resume(data.id)} done={reload}>
          Resume
        </ChangeButton>
      )}
      {adding.value && <AddDevice customer={data.id} close={close} />}
    </div>
  );
}

function Figures({ data }: { data: CustomerDetail }) {
  return (
    <div class="figures">
      {(data.peers.total > 0 || data.connections.total === 0) && <PeersFigure data={data} />}
      {data.connections.total > 0 && <ConnectionsFigure counts={data.connections} />}
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
      <section class="figure-card" aria-label="Dropped">
        <p class="figure-name">Dropped</p>
        <p class="figure">{countText(data.drops_total)}</p>
        <p class="soft small">of {plural(data.rx_packets + data.tx_packets, "packet")}</p>
      </section>
    </div>
  );
}

function PeersFigure({ data }: { data: CustomerDetail }) {
  return (
    <section class="figure-card" aria-label="Peers online">
      <p class="figure-name">
        Peers online <Hint about="online" text={peerRule} />
      </p>
      <p class="figure">
        {countText(data.peers.online)} <span class="figure-of">of {countText(data.peers.total)}</span>
      </p>
      <p class="soft small">
        last handshake <Ago at={data.last_handshake} />
      </p>
    </section>
  );
}

function Stack({ data, now, reload }: { data: CustomerDetail; now: StackNow | undefined; reload: () => void }) {
  return (
    <Card title="Network stack">
      <Facts>
        <Fact name="Id">
          <code>{data.id}</code>
        </Fact>
        {data.description !== null && <Fact name="Description">{data.description}</Fact>}
        <Fact name="Addresses">
          {data.addresses.length === 0
            ? "none"
            : data.addresses.map((address) => (
                <code key={address} class="block">
                  {address}
                </code>
              ))}
        </Fact>
        <Fact name="MTU">{data.mtu} bytes</Fact>
        <Fact name="State">
          {data.stack_complete === null ? (
            "not known"
          ) : (
            <Badge look={data.stack_complete ? stackComplete : stackIncomplete} />
          )}
        </Fact>
        <Fact name="LAN">
          {data.lan !== null ? <Lan lan={data.lan} /> : data.stack_complete === null ? "not known" : "none"}
          {data.lan !== null && now?.lan && <LanNow lan={now.lan} />}
        </Fact>
        {data.static_routes !== null && data.static_routes.length + (data.static_routes_more ?? 0) > 0 && (
          <Fact name="Static routes">
            {data.static_routes.map((route) => (
              <code key={`${route.to} ${route.via}`} class="block">
                {route.to} via {route.via}
              </code>
            ))}
            {moreText(data.static_routes_more)}
          </Fact>
        )}
        {data.disabled_peers !== null && data.disabled_peers.length + (data.disabled_peers_more ?? 0) > 0 && (
          <Fact name="Disabled peers">
            {data.disabled_peers.map((name) => (
              <span key={name} class="block">
                {name} <DescriptionOf name={name} data={data} />
                {mayChange.value && mayManage.value && (
                  <ChangeButton label={`Enable ${name}`} work={() => api.enable(data.id, name)} done={reload}>
                    Enable
                  </ChangeButton>
                )}
              </span>
            ))}
            {moreText(data.disabled_peers_more)}
          </Fact>
        )}
        <Fact name="Listens on">
          UDP port {data.listen_port}, {data.own_listener ? "the customer's own" : "shared"}
        </Fact>
        <Fact name="Processor">
          {data.cpu_seconds < 1 ? "less than 1 s" : spanText(data.cpu_seconds)} for its packets
        </Fact>
        <Fact name="Public key">
          <Copy text={data.listener_public_key} what="the public key" />
        </Fact>
        {data.listener_previous_public_key !== null && (
          <Fact name="Previous key">
            <Copy text={data.listener_previous_public_key} what="the previous public key" />
            <span class="block soft">
              {data.peers_on_previous_key === 0
                ? "no peer uses it any more"
                : `still used by ${plural(data.peers_on_previous_key, "peer")}`}
            </span>
          </Fact>
        )}
      </Facts>
    </Card>
  );
}

function DescriptionOf({ name, data }: { name: string; data: CustomerDetail }) {
  const found = data.peer_descriptions.find((one) => one.name === name);
  return found === undefined ? null : <span class="soft small">{found.text} </span>;
}

const commandsOf = (id: string) =>
  [
    ["One packet's way", `why ${id} --from ADDR --to ADDR`],
    ["In trouble", `doctor ${id}`],
  ] as const;

function Lan({ lan }: { lan: LanData }) {
  return (
    <>
      {lan.type}
      {lan.parent !== null && ` on ${lan.parent}`}
      {lan.addresses.map((address) => (
        <code key={address} class="block">
          {address}
        </code>
      ))}
    </>
  );
}

function moreText(count: number | null): string {
  return count === null || count === 0 ? "" : `and ${countText(count)} more`;
}

function Limits({ data }: { data: CustomerDetail }) {
  return (
    <Card title="Limits">
      <Facts>
        <Fact name="This month">
          <Quota of={data} />
          <span class="block soft small">
            {bytesText(data.month_rx_bytes)} in · {bytesText(data.month_tx_bytes)} out
          </span>
        </Fact>
        <Fact name="Rate">{ratesText(data.rate_up, data.rate_down)}</Fact>
        <Fact name="Share">{countText(data.share)}, its weight against other customers</Fact>
        <Fact name="Peers">
          {data.max_peers === null
            ? `${countText(data.peers.total)}, no limit`
            : `${countText(data.peers.total)} of ${countText(data.max_peers)}`}
        </Fact>
        {data.max_handshake_rate !== null && (
          <Fact name="Handshakes">{countText(data.max_handshake_rate)} per second</Fact>
        )}
        {data.next_expiry !== null && data.next_to_expire !== null && (
          <Fact name="Next to expire">
            <a href={peerHref(data.id, data.next_to_expire)}>{data.next_to_expire}</a> <Ago at={data.next_expiry} />
          </Fact>
        )}
      </Facts>
    </Card>
  );
}

function Routes({ data }: { data: CustomerDetail }) {
  const shown = data.routes.slice(0, shownRoutes);
  return (
    <Card title="Routes into the tunnels">
      {shown.length === 0 ? (
        <Empty title="No routes">Routes come from the allowed_ips of the peers and from the connections.</Empty>
      ) : (
        <table class="plain" role="table">
          <thead role="rowgroup">
            <tr role="row">
              <th role="columnheader" scope="col">
                Destination
              </th>
              <th role="columnheader" scope="col">
                Through
              </th>
            </tr>
          </thead>
          <tbody role="rowgroup">
            {shown.map((route) => (
              <tr role="row" key={`${route.to} ${route.peer} ${route.connection}`}>
                <td role="cell">
                  <code>{route.to}</code>
                </td>
                <td role="cell">
                  {route.peer !== null && <a href={peerHref(data.id, route.peer)}>{route.peer}</a>}
                  {route.connection !== null && (
                    <a href={connectionHref(data.id, route.connection)}>{route.connection}</a>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {data.routes.length > shown.length && (
        <p class="soft small more">
          The first {shownRoutes} of {countText(data.routes.length)}. To see all: <code>vpnctl routes {data.id}</code>
        </p>
      )}
    </Card>
  );
}
