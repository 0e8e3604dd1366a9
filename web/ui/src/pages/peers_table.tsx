// The peers of one customer.
import { useEffect, useMemo, useState } from "preact/hooks";

import { api } from "../api/client";
import type { Description, Peer } from "../api/types";
import { bytesText, plural } from "../format/amount";
import { peerLook, peerRule, quotaSpent } from "../format/words";
import { Ago } from "../parts/ago";
import { Badge } from "../parts/badge";
import { Card } from "../parts/card";
import { Choice } from "../parts/choice";
import { Empty, Failed, Loading } from "../parts/notice";
import { RatePair } from "../parts/rates";
import { Search } from "../parts/search";
import { peerHref } from "../router";
import { onDelta } from "../state/live";
import { SortSelect } from "../window/sort_select";
import { WindowedTable, type Column, type Sorting } from "../window/table";
import { usePagedList } from "../window/use_list";

const heights = { row: 56, card: 132 };
const nameOf = (peer: Peer) => peer.name;
const few = 6; // no search is needed for this many

const choices = [
  { value: "", text: "All" },
  { value: "online", text: "Online" },
  { value: "idle", text: "Idle" },
  { value: "never", text: "Never" },
  { value: "expired", text: "Expired" },
] as const;

function columnsOf(customer: string, descriptions: readonly Description[]): readonly Column<Peer>[] {
  const texts = new Map(descriptions.map(({ name, text }) => [name, text]));
  return [
    {
      key: "name",
      title: "Name",
      sort: "name",
      cell: (peer) => (
        <>
          <span class="ellipsis" title={texts.get(peer.name)}>
            <a class="row-link" href={peerHref(customer, peer.name)}>
              {peer.name}
            </a>
            {texts.has(peer.name) && <span class="soft small"> {texts.get(peer.name)}</span>}
          </span>
          <span class="soft small ellipsis" title={peer.allowed_ips.join(", ")}>
            {peer.allowed_ips.join(", ")}
          </span>
        </>
      ),
    },
    {
      key: "state",
      title: "State",
      hint: peerRule,
      sort: "state",
      cell: (peer) => (
        <>
          <Badge look={peerLook(peer)} title={peer.state_sentence} />
          {peer.quota_spent === true ? (
            <Badge look={quotaSpent} />
          ) : (
            peer.expires !== null &&
            peer.state !== "expired" && (
              <span class="soft small ellipsis">
                expires <Ago at={peer.expires} />
              </span>
            )
          )}
        </>
      ),
    },
    {
      key: "last",
      title: "Last handshake",
      sort: "last_handshake",
      descending: true,
      number: true,
      cell: (peer) => <Ago at={peer.last_handshake} />,
    },
    {
      key: "rates",
      title: "Throughput",
      sort: "rate",
      descending: true,
      number: true,
      cell: (peer) => <RatePair rates={peer.rates} />,
    },
    {
      key: "bytes",
      title: "Traffic",
      number: true,
      cell: (peer) => (
        <span title={`${bytesText(peer.rx_bytes)} in, ${bytesText(peer.tx_bytes)} out`}>
          {bytesText(peer.rx_bytes + peer.tx_bytes)}
        </span>
      ),
    },
    {
      key: "endpoint",
      title: "Endpoint",
      sort: "endpoint",
      cell: (peer) =>
        peer.endpoint === null ? (
          <span class="soft">unknown</span>
        ) : (
          <code class="ellipsis" title={peer.endpoint}>
            {peer.endpoint}
          </code>
        ),
    },
  ];
}

export function PeersTable({ customer, descriptions }: { customer: string; descriptions: readonly Description[] }) {
  const [search, setSearch] = useState("");
  const [state, setState] = useState<(typeof choices)[number]["value"]>("");
  const [sorting, setSorting] = useState<Sorting>({ by: "name", order: "asc" });
  const columns = useMemo(() => columnsOf(customer, descriptions), [customer, descriptions]);
  const list = usePagedList<Peer>(
    customer,
    JSON.stringify([search, state, sorting]),
    (offset, limit, signal) =>
      api.peers(customer, { search, state, sort: sorting.by, order: sorting.order, offset, limit }, signal),
    nameOf,
  );
  useEffect(
    () =>
      onDelta((delta) => {
        list.update(delta.peers.filter((peer) => peer.customer === customer));
        if (delta.reload) list.refresh();
      }),
    [list],
  );

  const total = list.total.value;
  const searched = search !== "" || state !== "";
  const tools = searched || (total ?? 0) > few;
  return (
    <Card
      title="Peers"
      flush
      aside={
        <span class="soft small" role="status">
          {total === undefined ? "" : plural(total, searched ? "match" : "peer", searched ? "matches" : "peers")}
        </span>
      }
    >
      {tools && (
        <div class="tools tools-inside">
          <Search
            label="Search peers"
            placeholder="Name, key, endpoint or address"
            value={search}
            onChange={setSearch}
          />
          <Choice label="State" options={choices} value={state} onChange={setState} />
          <SortSelect columns={columns} sorting={sorting} onSort={setSorting} />
        </div>
      )}
      {list.failure.value && total === undefined ? (
        <Failed what="The peers" failure={list.failure.value} retry={() => list.refresh()} />
      ) : total === undefined ? (
        <Loading what="the peers" />
      ) : total === 0 && !list.outdated.value ? (
        <Empty title={searched ? "No peer matches" : "No peers yet"}>
          {!searched && "Add a [[wireguard.peer]] to the customer's file."}
        </Empty>
      ) : (
        <WindowedTable
          label="Peers"
          kind="peers"
          list={list}
          columns={columns}
          heights={heights}
          sorting={sorting}
          onSort={setSorting}
        />
      )}
    </Card>
  );
}
