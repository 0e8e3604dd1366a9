// Notices: nothing to show, failed to load, not found, loading.
import type { ComponentChildren } from "preact";

import type { Failure } from "../api/client";
import { Heading } from "./heading";

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="notice">
      <p class="notice-title">{title}</p>
      {children && <p class="soft">{children}</p>}
    </div>
  );
}

export function Failed({ what, failure, retry }: { what: string; failure: Failure; retry: () => void }) {
  const wait = failure.retryAfter > 0 ? ` Try again in ${failure.retryAfter} s.` : "";
  return (
    <div class="notice notice-bad" role="alert">
      <p class="notice-title">{what} could not be loaded</p>
      <p class="soft">
        {failure.message}
        {wait}
      </p>
      <button type="button" class="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

export function NotThere({ what }: { what: string }) {
  return (
    <div class="notice">
      <Heading>There is no such {what}</Heading>
      <p class="soft">It does not exist, or you may not see it.</p>
      <p>
        <a href="#/customers">All customers</a>
      </p>
    </div>
  );
}

/** Placeholder lines while loading. */
export function Loading({ what, lines = 3 }: { what: string; lines?: number }) {
  return (
    <div class="loading" aria-busy="true">
      <span class="visually-hidden" role="status">
        Loading {what}
      </span>
      {Array.from({ length: lines }, (_, line) => (
        <span class="skeleton" key={line} />
      ))}
    </div>
  );
}
