// What happened, newest first, under the days it happened on.
import type { Event } from "../api/types";
import { clockText, dayText, isoText } from "../format/time";
import { eventLooks } from "../format/words";
import { customerHref, peerHref } from "../router";
import { now } from "../state/clock";
import { Badge } from "./badge";

interface Props {
  events: readonly Event[];
  /** Whose they are is clear from the page. */
  withSubject?: boolean;
}

export function EventList({ events, withSubject = true }: Props) {
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
              <Row key={event.id} event={event} withSubject={withSubject} />
            ))}
          </ol>
        </section>
      ))}
    </div>
  );
}

function Row({ event, withSubject }: { event: Event; withSubject: boolean }) {
  const at = Date.parse(event.at);
  const iso = isoText(at);
  return (
    <li class="event">
      <time class="soft" dateTime={iso} title={iso}>
        {clockText(at)}
      </time>
      <Badge look={eventLooks[event.kind]} />
      <span class="event-text">
        {withSubject && event.customer !== null && <Subject event={event} customer={event.customer} />}
        {event.sentence}
        {event.kind === "roamed" && event.from !== null && event.to !== null && (
          <span class="event-change soft">
            <code>{event.from}</code> → <code>{event.to}</code>
          </span>
        )}
      </span>
    </li>
  );
}

function Subject({ event, customer }: { event: Event; customer: string }) {
  return (
    <>
      <a href={customerHref(customer)}>{customer}</a>
      {event.peer !== null && (
        <>
          {" / "}
          <a href={peerHref(customer, event.peer)}>{event.peer}</a>
        </>
      )}
      {" · "}
    </>
  );
}
