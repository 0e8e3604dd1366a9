// The latest changes of a customer's configuration.
import { useEffect } from "preact/hooks";

import { api } from "../api/client";
import { onDelta } from "../state/live";
import { useResource } from "../state/resource";
import { Card } from "./card";
import { Empty, Failed, Loading } from "./notice";
import { Revisions } from "./revisions";

const shownRevisions = 4;

export function RecentChanges({ customer }: { customer: string }) {
  const list = useResource(customer, (signal) => api.revisions(customer, { limit: shownRevisions }, signal));
  useEffect(
    () =>
      onDelta((delta) => {
        if (delta.reload) list.reload();
      }),
    [customer],
  );
  const shown = list.value.value;
  return (
    <Card title="Latest changes" aside={<a href={`#/changes?customer=${encodeURIComponent(customer)}`}>All changes</a>}>
      {shown === undefined ? (
        list.failure.value ? (
          <Failed what="The changes" failure={list.failure.value} retry={list.reload} />
        ) : (
          <Loading what="the changes" lines={4} />
        )
      ) : shown.items.length === 0 ? (
        <Empty title="No changes">{shown.problem ?? "There is no change that can be shown to you."}</Empty>
      ) : (
        <Revisions revisions={shown.items} ofCustomer />
      )}
    </Card>
  );
}
