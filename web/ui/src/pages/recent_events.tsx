// What happened to one customer, or one of his peers, last.
import { useEffect } from "preact/hooks";

import { api } from "../api/client";
import { Card } from "../parts/card";
import { EventList } from "../parts/event_list";
import { Empty, Failed, Loading } from "../parts/notice";
import { announce } from "../state/announce";
import { withNews } from "../state/history";
import { onDelta } from "../state/live";
import { useResource } from "../state/resource";

const shownEvents = 12;

export function RecentEvents({ customer }: { customer: string }) {
  const events = useResource(customer, (signal) =>
    api.events({ customer, limit: shownEvents }, signal).then((list) => list.items),
  );
  useEffect(
    () =>
      onDelta((delta) => {
        const his = delta.events.filter((event) => event.customer === customer);
        if (his.length === 0) return;
        announce(his);
        events.update((shown) => withNews(shown, his, shownEvents));
      }),
    [customer],
  );
  const shown = events.value.value;
  return (
    <Card title="Latest events" aside={<a href={`#/events?customer=${encodeURIComponent(customer)}`}>All events</a>}>
      {shown === undefined ? (
        events.failure.value ? (
          <Failed what="The events" failure={events.failure.value} retry={events.reload} />
        ) : (
          <Loading what="the events" lines={5} />
        )
      ) : shown.length === 0 ? (
        <Empty title="Nothing has changed">Since this page began to watch, all is as it was.</Empty>
      ) : (
        <EventList events={shown} subject="peer" />
      )}
    </Card>
  );
}
