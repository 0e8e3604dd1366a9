// A PagedList that follows its question, the stream's resets and new logins.
import { useEffect, useMemo } from "preact/hooks";

import { onReset } from "../state/live";
import { access } from "../state/session";
import { PagedList, type Page } from "./paged";

type Load<T> = (offset: number, limit: number, signal: AbortSignal) => Promise<Page<T>>;

const typingMilliseconds = 150;

/** `key` says whose list it is (another one begins empty), `question` how it is searched and sorted. */
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
