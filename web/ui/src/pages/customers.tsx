// All customers, with search, filters and sorting.
import { useCallback, useEffect } from "preact/hooks";

import { api } from "../api/client";
import type { Customer } from "../api/types";
import { countText, plural } from "../format/amount";
import { customerLooks, customerRule, parked, quotaSpent, testLink } from "../format/words";
import { Ago } from "../parts/ago";
import { Badge } from "../parts/badge";
import { Heading } from "../parts/heading";
import { Empty, Failed, Loading } from "../parts/notice";
import { RatePair } from "../parts/rates";
import { Search } from "../parts/search";
import { customerHref, here, setQuery } from "../router";
import { onDelta, setSubject } from "../state/live";
import { overview } from "../state/overview";
import { SortSelect } from "../window/sort_select";
import { WindowedTable, type Column, type Sorting } from "../window/table";
import { usePagedList } from "../window/use_list";
import { Finds } from "./finds";

const states = ["up", "degraded", "down", "never", "suspended", "unserved"] as const;
const heights = { row: 56, card: 122 };
const idOf = (row: Customer) => row.id;

const columns: readonly Column<Customer>[] = [
  {
    key: "name",
    title: "Name",
    sort: "name",
    cell: (row) => (
      <>
        <a class="row-link ellipsis" href={customerHref(row.id)}>
          {row.name}
        </a>
        <span class="small ellipsis">
          <span class="soft">{row.id}</span>
          {row.is_test_link && <Badge look={testLink} />}
          {row.is_parked && <Badge look={parked} title="It has no stack until a packet needs one." />}
          {row.quota_spent === true && <Badge look={quotaSpent} />}
        </span>
      </>
    ),
  },
  {
    key: "state",
    title: "State",
    hint: customerRule,
    sort: "state",
    cell: (row) => <Badge look={customerLooks[row.state]} title={row.state_sentence} />,
  },
  {
    key: "peers",
    title: "Tunnels up",
    hint: "Peers that are online, and IPsec connections that are up.",
    sort: "peers",
    descending: true,
    number: true,
    cell: (row) => (
      <>
        {countText(row.peers.online + row.connections.up)}
        <span class="soft"> of {countText(row.peers.total + row.connections.total)}</span>
        <span class="card-only soft"> up</span>
      </>
    ),
  },
  {
    key: "rates",
    title: "Throughput",
    sort: "rate",
    descending: true,
    number: true,
    cell: (row) => <RatePair rates={row.rates} />,
  },
  { key: "last", title: "Last handshake", number: true, cell: (row) => <Ago at={row.last_handshake} /> },
  {
    key: "drops",
    title: "Drops",
    sort: "drops",
    descending: true,
    number: true,
    cell: (row) =>
      row.drops_total === 0 ? (
        <span class="soft">
          none<span class="card-only"> dropped</span>
        </span>
      ) : (
        <>
          {countText(row.drops_total)}
          <span class="card-only soft"> dropped</span>
        </>
      ),
  },
];

export function Customers() {
  const { query } = here.value;
  const search = query.get("q") ?? "";
  const state = query.get("state") ?? "";
  const sorting: Sorting = { by: query.get("sort") ?? "name", order: query.get("order") === "desc" ? "desc" : "asc" };
  const question = JSON.stringify([search, state, sorting]);
  const list = usePagedList<Customer>(
    "customers",
    question,
    (offset, limit, signal) =>
      api.customers({ search, state, sort: sorting.by, order: sorting.order, offset, limit }, signal),
    idOf,
  );

  useEffect(
    () =>
      onDelta((delta) => {
        list.update(delta.customers);
        if (delta.reload) list.refresh();
      }),
    [list],
  );
  const watch = useCallback((rows: Customer[]) => setSubject({ watch: rows.map(idOf) }), []);
  const sort = useCallback(
    (next: Sorting) => setQuery({ sort: next.by, order: next.order === "desc" ? "desc" : "" }),
    [],
  );

  const total = list.total.value;
  const searched = search !== "" || state !== "";
  return (
    <>
      <div class="page-head">
        <Heading>Customers</Heading>
        <p class="soft small" role="status">
          {total === undefined ? "" : searched ? `${plural(total, "match", "matches")}` : plural(total, "customer")}
        </p>
      </div>
      <div class="tools">
        <Search
          label="Search customers"
          placeholder="Name, address, endpoint or key"
          value={search}
          onChange={(value) => setQuery({ q: value })}
        />
        <StateFilter value={state} />
        <SortSelect columns={columns} sorting={sorting} onSort={sort} />
      </div>
      {list.failure.value && total === undefined ? (
        <Failed what="The customers" failure={list.failure.value} retry={() => list.refresh()} />
      ) : total === undefined ? (
        <div class="card">
          <Loading what="the customers" lines={10} />
        </div>
      ) : total === 0 && !list.outdated.value ? (
        searched ? (
          <Empty title="No customer matches">
            <button type="button" class="button" onClick={() => setQuery({ q: "", state: "" })}>
              Show all
            </button>
          </Empty>
        ) : (
          <Empty title="No customers yet">
            Add a file to the configuration's customers directory, then run vpnctl apply.
          </Empty>
        )
      ) : (
        <WindowedTable
          label="Customers"
          kind="customers"
          list={list}
          columns={columns}
          heights={heights}
          sorting={sorting}
          onSort={sort}
          onSight={watch}
        />
      )}
      {search !== "" && <Finds text={search} />}
    </>
  );
}

function StateFilter({ value }: { value: string }) {
  const counts = overview.value?.customers;
  return (
    <div class="filters" role="group" aria-label="Filter by state">
      {states.map((state) => (
        <button
          type="button"
          key={state}
          class={`chip tone-${customerLooks[state].tone}`}
          aria-pressed={value === state}
          onClick={() => setQuery({ state: value === state ? "" : state })}
        >
          <Badge look={customerLooks[state]} />
          {counts && <span class="soft">{countText(counts[state])}</span>}
        </button>
      ))}
    </div>
  );
}
