// Events, newest first, grouped by day.
import type { Event } from "../api/types";
import { clockText, dayText, isoText, localText } from "../format/time";
import { eventLooks } from "../format/words";
import { connectionHref, customerHref, peerHref } from "../router";
import { now } from "../state/clock";
import { Badge } from "./badge";

interface Props {
  events: readonly Event[];
  /** The names to show: customer and peer or connection, only the latter, or none. */
  subject?: "all" | "peer" | "none";
}

export function EventList({ events, subject = "all" }: Props) {
  const today = now.peek();
  const days: { day: string; events: Event[] }[] = [];
  for (const event of events) {
    const day = dayText(Date.parse(event.at), today);
    if (days.at(-1)?.day !== day) days.push({ day, events: [] });
    days.at(-1)?.events.push(event);
  }
  return (
    <div class="events">
      {days.map(({ day, events: those }) => (
        <section key={day} aria-label={day}>
          <h3 class="day">{day}</h3>
          <ol>
            {those.map((event) => (
              <Row key={event.id} event={event} subject={subject} />
            ))}
          </ol>
        </section>
      ))}
    </div>
  );
}

function Row({ event, subject }: { event: Event; subject: "all" | "peer" | "none" }) {
  const at = Date.parse(event.at);
  return (
    <li class="event">
      <time class="soft" dateTime={isoText(at)} title={localText(at)}>
        {clockText(at)}
      </time>
      <Badge look={eventLooks[event.kind]} />
      <span class="event-text">
        {subject !== "none" && <Subject event={event} withCustomer={subject === "all"} />}
        {event.sentence}
      </span>
    </li>
  );
}

function Subject({ event, withCustomer }: { event: Event; withCustomer: boolean }) {
  const { customer } = event;
  const name = event.peer ?? event.connection;
  if (customer === null || (!withCustomer && name === null)) return null;
  const href = event.peer !== null ? peerHref(customer, event.peer) : connectionHref(customer, name ?? "");
  return (
    <>
      {withCustomer && <a href={customerHref(customer)}>{customer}</a>}
      {withCustomer && name !== null && " / "}
      {name !== null && <a href={href}>{name}</a>}
      {" · "}
    </>
  );
}
