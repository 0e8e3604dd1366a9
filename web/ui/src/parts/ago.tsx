// A point in time: relative as text, the local time as tooltip.
import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { isoText, localText, relativeText } from "../format/time";
import { now } from "../state/clock";

export function Ago({ at, none = "never" }: { at: string | null; none?: string }) {
  const instant = useSignal(at);
  useEffect(() => {
    instant.value = at;
  }, [at]);
  // Re-render only this text every second, not the component around it.
  const text = useComputed(() => (instant.value === null ? none : relativeText(Date.parse(instant.value), now.value)));
  if (at === null) return <span class="soft">{none}</span>;
  return (
    <time dateTime={isoText(Date.parse(at))} title={localText(Date.parse(at))}>
      {text}
    </time>
  );
}
