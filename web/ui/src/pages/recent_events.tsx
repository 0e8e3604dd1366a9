// The latest events of a customer and its peers.
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
        const recent = delta.events.filter((event) => event.customer === customer);
        if (recent.length === 0) return;
        announce(recent);
        events.update((shown) => withNews(shown, recent, shownEvents));
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
        <Empty title="No events">Nothing has changed in the last 30 days.</Empty>
      ) : (
        <EventList events={shown} subject="peer" />
      )}
    </Card>
  );
}
