// When a tunnel was in which state, from the events that tell of its changes. Pure.
import type { Event, Peer } from "../api/types";

export type PeerState = Peer["state"];

export interface Stretch {
  /** undefined: from before the page remembers. */
  state: PeerState | undefined;
  /** Milliseconds since 1970. */
  from: number;
  to: number;
  /** It held at the end, but the page does not remember when it began. */
  before: boolean;
}

function isState(text: string | null): text is PeerState {
  return text === "online" || text === "idle" || text === "never";
}

/** `events`: of one peer, newest first. `since`: how long `state` is known to hold, null: not known. Stretches cover [from, to], oldest first. */
export function stretchesOf(
  events: readonly Event[],
  state: PeerState,
  since: string | null,
  from: number,
  to: number,
): Stretch[] {
  const stretches: Stretch[] = [];
  let end = to;
  const push = (held: PeerState | undefined, begin: number, before = false) => {
    const start = Math.max(from, begin);
    if (start < end) stretches.push({ state: held, from: start, to: end, before });
    end = Math.min(end, start);
  };
  let earlier: PeerState | undefined = state;
  for (const event of events) {
    if (event.kind !== "online" && event.kind !== "idle") continue;
    push(event.kind, Date.parse(event.at));
    earlier = isState(event.from) ? event.from : undefined;
  }
  if (stretches.length > 0) push(earlier, from, earlier !== undefined);
  if (since !== null) push(state, Date.parse(since));
  push(undefined, from);
  return stretches.reverse();
}

/** The share of `stretches` in which `state` held, 0..1, of the time that the page remembers; undefined: none. */
export function shareOf(stretches: readonly Stretch[], state: PeerState): number | undefined {
  let known = 0;
  let held = 0;
  for (const stretch of stretches) {
    if (stretch.state === undefined || stretch.before) continue;
    known += stretch.to - stretch.from;
    if (stretch.state === state) held += stretch.to - stretch.from;
  }
  return known > 0 ? held / known : undefined;
}

/** Puts what the stream brought (oldest first) before what is here (newest first); none twice, and no more than `most`. */
export function withNews(events: readonly Event[], news: readonly Event[], most: number): Event[] {
  const newest = events[0]?.id ?? -1;
  const fresh = news.filter((event) => event.id > newest).reverse();
  return fresh.length === 0 ? (events as Event[]) : [...fresh, ...events].slice(0, most);
}
