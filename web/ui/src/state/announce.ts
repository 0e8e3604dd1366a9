// Announcements of changes for screen readers, at most one in 10 s.
import { signal } from "@preact/signals";

import type { Event } from "../api/types";

export const announcement = signal("");

const gap = 10_000;
let waiting: Event[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;
let last = 0;

export function announce(events: readonly Event[]): void {
  if (events.length === 0) return;
  waiting.push(...events);
  timer ??= setTimeout(publish, Math.max(0, last + gap - Date.now()));
}

function publish(): void {
  announcement.value = sentenceOf(waiting);
  waiting = [];
  timer = undefined;
  last = Date.now();
}

/** `events`: oldest first, at least one. */
export function sentenceOf(events: readonly Event[]): string {
  const latest = events.at(-1);
  if (latest === undefined) return "";
  const subject = [latest.customer, latest.peer ?? latest.connection].filter(Boolean).join(", ");
  const text = subject === "" ? latest.sentence : `${subject}: ${latest.sentence}`;
  return events.length === 1 ? text : `${events.length} changes. The latest: ${text}`;
}
