// The IPsec connections of one customer.
import { useEffect, useMemo, useState } from "preact/hooks";

import { api } from "../api/client";
import type { Connection } from "../api/types";
import { bytesText, plural } from "../format/amount";
import { connectionLook, connectionRule } from "../format/words";
import { Ago } from "../parts/ago";
import { Badge } from "../parts/badge";
import { Card } from "../parts/card";
import { Choice } from "../parts/choice";
import { Empty, Failed, Loading } from "../parts/notice";
import { RatePair } from "../parts/rates";
import { Search } from "../parts/search";
import { connectionHref } from "../router";
import { onDelta } from "../state/live";
import { SortSelect } from "../window/sort_select";
import { WindowedTable, type Column, type Sorting } from "../window/table";
import { usePagedList } from "../window/use_list";

const heights = { row: 56, card: 132 };
const nameOf = (connection: Connection) => connection.name;
const few = 6; // no search is needed for this many

const choices = [
  { value: "", text: "All" },
  { value: "up", text: "Up" },
  { value: "connecting", text: "Connecting" },
  { value: "down", text: "Down" },
  { value: "listening", text: "Listening" },
  { value: "unserved", text: "Not served" },
] as const;

function columnsOf(customer: string): readonly Column<Connection>[] {
  return [
    {
      key: "name",
      title: "Name",
      sort: "name",
      cell: (one) => (
        <>
          <a class="row-link ellipsis" href={connectionHref(customer, one.name)}>
            {one.name}
          </a>
          <span class="soft small ellipsis" title={`${one.remote_identity}: ${one.networks.join(", ")}`}>
            {one.remote_identity}
          </span>
        </>
      ),
    },
    {
      key: "state",
      title: "State",
      hint: connectionRule,
      sort: "state",
      cell: (one) => <Badge look={connectionLook(one)} title={one.state_sentence} />,
    },
    {
      key: "last",
      title: "Last SA",
      sort: "last_handshake",
      descending: true,
      number: true,
      cell: (one) => <Ago at={one.last_handshake} />,
    },
    {
      key: "rates",
      title: "Throughput",
      sort: "rate",
      descending: true,
      number: true,
      cell: (one) => <RatePair rates={one.rates} />,
    },
    {
      key: "bytes",
      title: "Traffic",
      number: true,
      cell: (one) => (
        <span title={`${bytesText(one.rx_bytes)} in, ${bytesText(one.tx_bytes)} out`}>
          {bytesText(one.rx_bytes + one.tx_bytes)}
        </span>
      ),
    },
    {
      key: "endpoint",
      title: "Endpoint",
      sort: "endpoint",
      cell: (one) =>
        one.max_sessions > 1 ? (
          <span class="soft">
            {one.sessions} of {plural(one.max_sessions, "session")}
          </span>
        ) : one.endpoint === null ? (
          <span class="soft">unknown</span>
        ) : (
          <code class="ellipsis" title={one.endpoint}>
            {one.endpoint}
          </code>
        ),
    },
  ];
}

export function ConnectionsTable({ customer }: { customer: string }) {
  const [search, setSearch] = useState("");
  const [state, setState] = useState<(typeof choices)[number]["value"]>("");
  const [sorting, setSorting] = useState<Sorting>({ by: "name", order: "asc" });
  const columns = useMemo(() => columnsOf(customer), [customer]);
  const list = usePagedList<Connection>(
    `${customer}/connections`,
    JSON.stringify([search, state, sorting]),
    (offset, limit, signal) =>
      api.connections(customer, { search, state, sort: sorting.by, order: sorting.order, offset, limit }, signal),
    nameOf,
  );
  useEffect(
    () =>
      onDelta((delta) => {
        list.update(delta.connections.filter((one) => one.customer === customer));
        if (delta.reload) list.refresh();
      }),
    [list],
  );

  const total = list.total.value;
  const searched = search !== "" || state !== "";
  return (
    <Card
      title="IPsec connections"
      flush
      aside={
        <span class="soft small" role="status">
          {total === undefined
            ? ""
            : plural(total, searched ? "match" : "connection", searched ? "matches" : "connections")}
        </span>
      }
    >
      {(searched || (total ?? 0) > few) && (
        <div class="tools tools-inside">
          <Search
            label="Search connections"
            placeholder="Name, identity, endpoint or network"
            value={search}
            onChange={setSearch}
          />
          <Choice label="State of connections" options={choices} value={state} onChange={setState} />
          <SortSelect columns={columns} sorting={sorting} onSort={setSorting} />
        </div>
      )}
      {list.failure.value && total === undefined ? (
        <Failed what="The connections" failure={list.failure.value} retry={() => list.refresh()} />
      ) : total === undefined ? (
        <Loading what="the connections" />
      ) : total === 0 && !list.outdated.value ? (
        <Empty title={searched ? "No connection matches" : "No connections yet"}>
          {!searched && "Add an [[ipsec.connection]] to the customer's file."}
        </Empty>
      ) : (
        <WindowedTable
          label="IPsec connections"
          kind="connections"
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
