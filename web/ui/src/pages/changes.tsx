// All configurations that came into force, the newest first.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { api } from "../api/client";
import type { RevisionPage } from "../api/types";
import { plural } from "../format/amount";
import { Heading } from "../parts/heading";
import { Empty, Failed, Loading } from "../parts/notice";
import { Revisions } from "../parts/revisions";
import { here, setQuery } from "../router";
import { onDelta, setSubject } from "../state/live";
import { pace } from "../state/pace";
import { useResource } from "../state/resource";
import { attended } from "../state/screen";

const pageRevisions = 20;

export function Changes() {
  const customer = here.value.query.get("customer") ?? "";
  const limit = useSignal(pageRevisions);
  const list = useResource<RevisionPage>(`${customer}/${limit.value}`, (signal) =>
    api.revisions(customer, { limit: limit.value }, signal),
  );
  useEffect(() => setSubject({}), []);
  useEffect(() => {
    const isDue = pace();
    return onDelta(() => {
      if (attended() && isDue()) list.reload();
    });
  }, []);
  const data = list.value.value;
  const most = data === undefined ? 0 : Math.min(data.total, 100);
  return (
    <>
      <div class="page-head">
        <Heading>Changes</Heading>
        <p class="soft small">
          {data === undefined ? "All that is in force, and was" : `The latest ${plural(data.total, "change")}`}, in your
          local time.
        </p>
      </div>
      {customer !== "" && (
        <div class="tools">
          <button type="button" class="button-quiet" onClick={() => setQuery({ customer: "" })}>
            Only customer {customer} ✕
          </button>
        </div>
      )}
      {data === undefined ? (
        list.failure.value?.status === 404 ? (
          <Empty title="Unknown customer">It does not exist, or you may not see it.</Empty>
        ) : list.failure.value ? (
          <Failed what="The changes" failure={list.failure.value} retry={list.reload} />
        ) : (
          <Loading what="the changes" lines={8} />
        )
      ) : data.items.length === 0 ? (
        <Nothing problem={data.problem} />
      ) : (
        <section class="card" aria-label="Changes">
          {data.problem !== null && <p class="small">The latest changes are not shown: {data.problem}</p>}
          <Revisions revisions={data.items} ofCustomer={customer !== ""} />
          {data.items.length < most && (
            <p class="more">
              <button
                type="button"
                class="button"
                onClick={() => (limit.value = Math.min(100, limit.value + 2 * pageRevisions))}
              >
                Older changes
              </button>
            </p>
          )}
        </section>
      )}
    </>
  );
}

function Nothing({ problem }: { problem: string | null }) {
  if (problem !== null) return <Empty title="The history cannot be read">{problem}</Empty>;
  return <Empty title="No changes">There is no change that can be shown to you.</Empty>;
}
