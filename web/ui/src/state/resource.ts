// Something that is asked for once and may be asked for again: what is there stays on the screen while the new answer is on its way.
import { useSignal, type ReadonlySignal } from "@preact/signals";
import { useCallback, useEffect, useRef } from "preact/hooks";

import { Failure } from "../api/client";
import { onReset } from "./live";
import { access } from "./session";

export interface Resource<T> {
  readonly value: ReadonlySignal<T | undefined>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  reload(): void;
  /** Changes the value by what a delta brought; while an answer is on its way, that one too: it may be from before the delta. */
  update(change: (value: T) => T): void;
}

/** Loads when `key` changes, when the stream lost track, and after a new login. */
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
