// A point in time: relative as text, ISO 8601 as tooltip.
import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { isoText, relativeText } from "../format/time";
import { now } from "../state/clock";

export function Ago({ at, none = "never" }: { at: string | null; none?: string }) {
  const instant = useSignal(at);
  useEffect(() => {
    instant.value = at;
  }, [at]);
  // Re-render only this text every second, not the component around it.
  const text = useComputed(() => (instant.value === null ? none : relativeText(Date.parse(instant.value), now.value)));
  if (at === null) return <span class="soft">{none}</span>;
  const iso = isoText(Date.parse(at));
  return (
    <time dateTime={iso} title={iso}>
      {text}
    </time>
  );
}
