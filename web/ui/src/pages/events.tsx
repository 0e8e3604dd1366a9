// All events, newest first; new ones appear automatically.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { api, Failure } from "../api/client";
import type { Event, EventList as EventPage } from "../api/types";
import { plural } from "../format/amount";
import { eventLooks } from "../format/words";
import { EventList } from "../parts/event_list";
import { Heading } from "../parts/heading";
import { Empty, Failed, Loading } from "../parts/notice";
import { Search } from "../parts/search";
import { here, setQuery } from "../router";
import { announce } from "../state/announce";
import { withNews } from "../state/history";
import { onDelta, setSubject } from "../state/live";
import { useResource } from "../state/resource";

const pageEvents = 100;
const most = 1000; // on one page; the filters find older ones
const kinds = Object.keys(eventLooks) as Event["kind"][];

export function Events() {
  const { query } = here.value;
  const customer = query.get("customer") ?? "";
  const peer = query.get("peer") ?? "";
  const connection = query.get("connection") ?? "";
  const kind = query.get("kind") ?? "";
  const filter = {
    customer,
    peer: customer === "" ? "" : peer,
    connection: customer === "" ? "" : connection,
    kind,
  };
  const page = useResource<EventPage>(JSON.stringify(filter), (signal) =>
    settled(signal).then(() => api.events({ ...filter, limit: pageEvents }, signal)),
  );
  const older = useSignal<"" | "loading" | Failure>("");
  const waiting = useSignal<Event[]>([]);

  const showWaiting = () => {
    page.update((shown) => ({ ...shown, items: withNews(shown.items, waiting.value, most) }));
    waiting.value = [];
  };
  useEffect(() => setSubject({}), []);
  useEffect(() => {
    waiting.value = [];
    return onDelta((delta) => {
      const news = delta.events.filter(
        (event) =>
          (customer === "" || event.customer === customer) &&
          (peer === "" || event.peer === peer) &&
          (connection === "" || event.connection === connection) &&
          (kind === "" || event.kind === kind),
      );
      if (news.length === 0) return;
      announce(news);
      waiting.value = [...waiting.value, ...news].slice(-most);
      // Do not move the list while the reader is further down.
      if (scrollY < 80) showWaiting();
    });
  }, [customer, peer, connection, kind]);

  const loadOlder = async () => {
    const before = page.value.value?.next_before;
    if (before == null) return;
    older.value = "loading";
    try {
      const more = await api.events({ ...filter, limit: pageEvents, before });
      page.update((shown) => ({ items: [...shown.items, ...more.items], next_before: more.next_before }));
      older.value = "";
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      older.value = error;
    }
  };

  const data = page.value.value;
  return (
    <>
      <div class="page-head">
        <Heading>Events</Heading>
        <p class="soft small">Events of the last 30 days, in your local time.</p>
      </div>
      <div class="tools">
        <Search
          label="Customer's id"
          placeholder="A customer's id"
          value={customer}
          onChange={(value) => setQuery({ customer: value.trim(), peer: "", connection: "" })}
        />
        <label class="visually-hidden" for="event-kind">
          Kind
        </label>
        <select
          id="event-kind"
          class="field"
          value={kind}
          onChange={(event) => setQuery({ kind: event.currentTarget.value })}
        >
          <option value="">All kinds</option>
          {kinds.map((one) => (
            <option key={one} value={one}>
              {eventLooks[one].word}
            </option>
          ))}
        </select>
        {peer !== "" && (
          <button type="button" class="button-quiet" onClick={() => setQuery({ peer: "" })}>
            Only peer {peer} ✕
          </button>
        )}
        {connection !== "" && (
          <button type="button" class="button-quiet" onClick={() => setQuery({ connection: "" })}>
            Only connection {connection} ✕
          </button>
        )}
      </div>
      {waiting.value.length > 0 && (
        <button
          type="button"
          class="button news"
          onClick={() => {
            showWaiting();
            scrollTo(0, 0);
          }}
        >
          {plural(waiting.value.length, "new event")}
        </button>
      )}
      {data === undefined ? (
        page.failure.value?.status === 404 ? (
          <Empty title="Unknown customer">Enter the whole id: the name of the customer's file without .toml.</Empty>
        ) : page.failure.value ? (
          <Failed what="The events" failure={page.failure.value} retry={page.reload} />
        ) : (
          <Loading what="the events" lines={10} />
        )
      ) : data.items.length === 0 ? (
        <Empty title="No events">
          {customer !== "" || kind !== ""
            ? "No matching event in the last 30 days."
            : "Nothing has changed in the last 30 days."}
        </Empty>
      ) : (
        <section class="card">
          <EventList events={data.items} />
          {data.next_before !== null && data.items.length < most && (
            <p class="more">
              <button
                type="button"
                class="button"
                aria-disabled={older.value === "loading"}
                onClick={() => void loadOlder()}
              >
                {older.value === "loading" ? "Loading …" : older.value === "" ? "Older events" : "Failed; try again"}
              </button>
            </p>
          )}
        </section>
      )}
    </>
  );
}

/** Waits until the user stops typing. */
function settled(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 150);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}
