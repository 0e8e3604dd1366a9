// A PagedList that reloads on a new query, a reset of the stream and a new login.
import { useEffect, useMemo } from "preact/hooks";

import { onReset } from "../state/live";
import { access } from "../state/session";
import { PagedList, type Page } from "./paged";

type Load<T> = (offset: number, limit: number, signal: AbortSignal) => Promise<Page<T>>;

const typingMilliseconds = 150;

/** `key` identifies the list (a new one starts empty), `question` its search and order. */
export function usePagedList<T>(key: string, question: string, load: Load<T>, keyOf: (row: T) => string): PagedList<T> {
  const list = useMemo(() => new PagedList(load, keyOf), [key]);
  const loggedIn = access.value.kind === "in";
  const asked = useMemo(() => ({ question }), [list]);
  useEffect(() => {
    if (asked.question === question) return;
    asked.question = question;
    const timer = setTimeout(() => list.restart(load), typingMilliseconds);
    return () => clearTimeout(timer);
  }, [list, question]);
  useEffect(() => {
    if (loggedIn) list.refresh();
  }, [list, loggedIn]);
  useEffect(() => onReset(() => list.refresh()), [list]);
  return list;
}
