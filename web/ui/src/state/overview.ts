// The overview of the appliance: loaded after login, then updated by the stream.
import { computed, signal } from "@preact/signals";

import { api, Failure } from "../api/client";
import type { Overview } from "../api/types";
import { adjustClock } from "./clock";
import { onDelta, onReset } from "./live";

export const overview = signal<Overview | undefined>(undefined);
export const overviewFailure = signal<Failure | undefined>(undefined);
/** vpnd does not answer: every figure on the page is old. */
export const outdated = computed(() => overview.value?.stale === true);

export function loadOverview(): void {
  api.overview().then(
    (answer) => {
      adjustClock(answer.as_of);
      overview.value = answer;
      overviewFailure.value = undefined;
    },
    (error: unknown) => {
      if (!(error instanceof Failure)) throw error;
      if (error.status !== 401) overviewFailure.value = error;
    },
  );
}

export function startOverview(): void {
  onDelta((delta) => {
    overview.value = delta.overview;
    overviewFailure.value = undefined;
  });
  onReset(loadOverview);
}
