// A point in time: relative to read, ISO 8601 behind it.
import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { isoText, relativeText } from "../format/time";
import { now } from "../state/clock";

export function Ago({ at, none = "never" }: { at: string | null; none?: string }) {
  const instant = useSignal(at);
  useEffect(() => {
    instant.value = at;
  }, [at]);
  // Only this text moves with the seconds, not what it stands in.
  const text = useComputed(() => (instant.value === null ? none : relativeText(Date.parse(instant.value), now.value)));
  if (at === null) return <span class="soft">{none}</span>;
  const iso = isoText(Date.parse(at));
  return (
    <time dateTime={iso} title={iso}>
      {text}
    </time>
  );
}
