// What is undone unless somebody confirms it, with a countdown.
import { useComputed } from "@preact/signals";

import { api } from "../api/client";
import type { Pending as PendingData } from "../api/types";
import { spanText } from "../format/time";
import { isOperator, mayChange } from "../state/changes";
import { now } from "../state/clock";
import { loadOverview } from "../state/overview";
import { ChangeButton } from "./change_button";
import { Shape } from "./shape";

export function Pending({ pending }: { pending: PendingData }) {
  const left = useComputed(() => Math.max(0, Math.ceil((Date.parse(pending.comes_back_at) - now.value) / 1000)));
  return (
    <section class="banner pending" aria-label="A change waits for a confirmation">
      <Shape name="triangle" />
      <p>
        <span role="status">
          {pending.is_returning
            ? `Revision ${pending.revision} comes back now.`
            : `The configuration in force is not confirmed: revision ${pending.revision} comes back`}
        </span>
        {/* Outside of what is spoken: it changes every second. */}
        {!pending.is_returning && <span class="nowrap"> in {spanText(left.value)}.</span>}
      </p>
      {mayChange.value && isOperator.value && !pending.is_returning && (
        <>
          <ChangeButton work={() => api.confirm(pending.revision)} done={loadOverview}>
            Confirm
          </ChangeButton>
          <ChangeButton
            work={() => api.goBack(pending.revision)}
            done={loadOverview}
            question={`Bring revision ${pending.revision} back now?`}
          >
            Roll back
          </ChangeButton>
        </>
      )}
    </section>
  );
}
