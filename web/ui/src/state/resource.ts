// Data that is loaded once and can be reloaded; the old value stays visible while the new one loads.
import { useSignal, type ReadonlySignal } from "@preact/signals";
import { useCallback, useEffect, useRef } from "preact/hooks";

import { Failure } from "../api/client";
import { onReset } from "./live";
import { access } from "./session";

export interface Resource<T> {
  readonly value: ReadonlySignal<T | undefined>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  reload(): void;
  /** Applies a change from a delta; also to an answer that is pending, which may be older than the delta. */
  update(change: (value: T) => T): void;
}

/** Loads when `key` changes, when the stream resets, and after a new login. */
export function useResource<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Resource<T> {
  const value = useSignal<T | undefined>(undefined);
  const failure = useSignal<Failure | undefined>(undefined);
  const loading = useRef<AbortController>();
  const late = useRef<((value: T) => T)[]>([]);
  const latest = useRef(load);
  latest.current = load;

  const reload = useCallback(() => {
    loading.current?.abort();
    const mine = new AbortController();
    loading.current = mine;
    late.current = [];
    latest.current(mine.signal).then(
      (answer) => {
        if (mine.signal.aborted) return;
        value.value = late.current.reduce((sofar, change) => change(sofar), answer);
        failure.value = undefined;
        loading.current = undefined;
      },
      (error: unknown) => {
        if (mine.signal.aborted) return;
        loading.current = undefined;
        if (!(error instanceof Failure)) throw error;
        if (error.status !== 401) failure.value = error;
      },
    );
  }, []);

  const loggedIn = access.value.kind === "in";
  useEffect(() => {
    value.value = undefined;
    failure.value = undefined;
  }, [key]);
  useEffect(() => {
    if (loggedIn) reload();
    return () => loading.current?.abort();
  }, [key, loggedIn]);
  useEffect(() => onReset(reload), []);

  const update = useCallback((change: (value: T) => T) => {
    if (loading.current !== undefined) late.current.push(change);
    if (value.value !== undefined) value.value = change(value.value);
  }, []);
  return { value, failure, reload, update };
}
