// The event stream of this page: opens it, resumes it after a break, and calls the listeners.
import { batch, signal } from "@preact/signals";

import { Failure, pathOf, request } from "../api/client";
import { StreamParser, type Message } from "../api/sse";
import type { Delta } from "../api/types";
import { backoff } from "./backoff";
import { adjustClock } from "./clock";

export type Link =
  { kind: "off" } | { kind: "connecting" } | { kind: "live" } | { kind: "waiting"; since: number; until: number };

/** What the stream sends besides the overview: a customer with its peers, or some rows of the list. */
export interface Subject {
  customer?: string;
  watch?: readonly string[];
}

export const link = signal<Link>({ kind: "off" });

const deltaListeners = new Set<(delta: Delta) => void>();
const resetListeners = new Set<() => void>();

const settleMilliseconds = 400; // a list that scrolls must not open a stream for every row
const silenceMilliseconds = 45_000; // the server sends something more often than this
const hiddenMilliseconds = 60_000; // a page in the background closes its stream
const mostWatched = 100; // limit of the API

let subject: Subject = {};
let lastId = "";
let tries = 0;
let brokenSince = 0;
let asked = false;
let current: AbortController | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

export function onDelta(listener: (delta: Delta) => void): () => void {
  deltaListeners.add(listener);
  return () => deltaListeners.delete(listener);
}

/** `listener` runs when changes were missed: load everything again. */
export function onReset(listener: () => void): () => void {
  resetListeners.add(listener);
  return () => resetListeners.delete(listener);
}

export function setSubject(next: Subject): void {
  const settled: Subject = { ...next, ...(next.watch && { watch: [...next.watch].sort().slice(0, mostWatched) }) };
  if (JSON.stringify(settled) === JSON.stringify(subject)) return;
  subject = settled;
  // Also a stream that waits for its next attempt: the old subject may be why it failed.
  if (current !== undefined || link.value.kind === "waiting") schedule(settleMilliseconds);
}

export function startLive(): void {
  if (link.value.kind !== "off") return;
  tries = 0;
  link.value = { kind: "connecting" };
  schedule(0);
}

/** Also forgets the position: the next stream starts at the present. */
export function stopLive(): void {
  release();
  lastId = "";
  asked = false;
  link.value = { kind: "off" };
}

export function retryNow(): void {
  if (link.value.kind === "waiting") schedule(0);
}

/** Reacts to the browser: the network returns, the tab goes to the background. */
export function watchBrowser(): void {
  let hiding: ReturnType<typeof setTimeout> | undefined;
  addEventListener("online", retryNow);
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (link.value.kind === "off") return;
    if (document.hidden) hiding = setTimeout(release, hiddenMilliseconds);
    else if (current === undefined) schedule(0);
  });
}

function release(): void {
  clearTimeout(timer);
  current?.abort();
  current = undefined;
}

function schedule(milliseconds: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => void follow(), milliseconds);
}

async function follow(): Promise<void> {
  release();
  const mine = new AbortController();
  current = mine;
  try {
    await read(mine);
    fail(mine, 0);
  } catch (error) {
    if (error instanceof Failure && error.status === 401) return;
    if (error instanceof Failure && error.status === 404 && subject.customer !== undefined) {
      // The customer does not exist, or no longer. The page says so; the rest of it stays live.
      subject = {};
      return schedule(0);
    }
    fail(mine, error instanceof Failure ? error.retryAfter : 0);
  }
}

/** Schedules a new stream after one ended, unless this page closed it. */
function fail(mine: AbortController, retryAfter: number): void {
  if (current !== mine || link.value.kind === "off") return;
  mine.abort();
  current = undefined;
  tries += 1;
  if (tries === 1) brokenSince = Date.now();
  const wait = backoff(tries, Math.random(), retryAfter);
  link.value = { kind: "waiting", since: brokenSince, until: Date.now() + wait };
  schedule(wait);
}

async function read(mine: AbortController): Promise<void> {
  // An earlier stream ended before its first message: changes in between are unknown.
  if (asked && lastId === "") reset();
  asked = true;
  const { customer, watch } = subject;
  const query = { ...(customer !== undefined && { customer }), ...(watch?.length && { watch: watch.join(",") }) };
  const headers: Record<string, string> = {
    Accept: "text/event-stream",
    ...(lastId !== "" && { "Last-Event-ID": lastId }),
  };
  const answer = await request(pathOf("/events", query), { headers, signal: mine.signal });
  if (!answer.body) throw new Failure(0, "The stream has no body.");

  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new StreamParser(lastId);
  for (;;) {
    const silence = setTimeout(() => mine.abort(), silenceMilliseconds);
    const piece = await reader.read().finally(() => clearTimeout(silence));
    if (piece.done || current !== mine) return;
    alive();
    for (const message of parser.push(piece.value)) dispatch(message);
    lastId = parser.lastId;
  }
}

function alive(): void {
  tries = 0;
  if (link.value.kind !== "live") link.value = { kind: "live" };
}

function reset(): void {
  for (const listener of resetListeners) listener();
}

function dispatch(message: Message): void {
  if (message.type === "reset") {
    reset();
    return;
  }
  if (message.type !== "delta") return;
  const delta = JSON.parse(message.data) as Delta;
  adjustClock(delta.as_of);
  batch(() => {
    for (const listener of deltaListeners) listener(delta);
  });
}
