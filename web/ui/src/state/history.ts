// The history of a peer's state, from its events. Pure.
import type { Event, Peer } from "../api/types";

export type PeerState = Peer["state"];

export interface Stretch {
  /** undefined: not recorded. */
  state: PeerState | undefined;
  /** Milliseconds since 1970. */
  from: number;
  to: number;
  /** The state is known, but not when it began. */
  before: boolean;
}

function isState(text: string | null): text is PeerState {
  return text === "online" || text === "idle" || text === "never";
}

/**
 * `events`: of one peer, newest first. `since`: when `state` began, null: unknown. The stretches cover [from, to],
 * oldest first.
 */
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

/** The share of the recorded time spent in `state`, 0..1; undefined: nothing is recorded. */
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

/** Adds events from the stream (oldest first) to a list (newest first), without duplicates and at most `most`. */
export function withNews(events: readonly Event[], news: readonly Event[], most: number): Event[] {
  const newest = events[0]?.id ?? -1;
  const fresh = news.filter((event) => event.id > newest).reverse();
  return fresh.length === 0 ? (events as Event[]) : [...fresh, ...events].slice(0, most);
}
