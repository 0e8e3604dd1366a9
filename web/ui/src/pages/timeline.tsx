// The state of a peer over 24 hours, as a band and in words.
import { useComputed } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

import type { Event, Peer } from "../api/types";
import { shareText } from "../format/amount";
import { clockText, isoText, spanText } from "../format/time";
import { stateLook } from "../format/words";
import { shareOf, stretchesOf, type Stretch } from "../state/history";
import { now } from "../state/clock";

const day = 24 * 3600 * 1000;
const step = 60_000; // the band moves once a minute
const spoken = 12;

export function Timeline({ peer, events }: { peer: Peer; events: readonly Event[] }) {
  const minute = useComputed(() => Math.ceil(now.value / step) * step);
  const to = minute.value;
  const from = to - day;
  const stretches = stretchesOf(events, peer.state, peer.state_since, from, to);
  const online = shareOf(stretches, "online");
  return (
    <figure class="timeline">
      <div class="timeline-band" aria-hidden="true">
        {stretches.map((stretch) => (
          <Band key={stretch.from} stretch={stretch} from={from} />
        ))}
      </div>
      <div class="timeline-hours soft small" aria-hidden="true">
        {[0, 0.25, 0.5, 0.75, 1].map((part) => (
          <span key={part}>{part === 1 ? "now" : clockText(from + part * day).slice(0, 5)}</span>
        ))}
      </div>
      <figcaption class="soft small">
        {online === undefined
          ? "No data for the last 24 hours yet."
          : `Online ${shareText(online)} of the recorded part of the last 24 hours.`}
      </figcaption>
      <ol class="visually-hidden">
        {stretches.slice(-spoken).map((stretch) => (
          <li key={stretch.from}>{sentenceOf(stretch)}</li>
        ))}
      </ol>
    </figure>
  );
}

function Band({ stretch, from }: { stretch: Stretch; from: number }) {
  const band = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    band.current?.style.setProperty("left", `${((stretch.from - from) / day) * 100}%`);
    band.current?.style.setProperty("width", `${((stretch.to - stretch.from) / day) * 100}%`);
  }, [stretch.from, stretch.to, from]);
  return (
    <span
      ref={band}
      class={`band band-${stretch.state ?? "unknown"}${stretch.before ? " band-before" : ""}`}
      title={sentenceOf(stretch)}
    />
  );
}

function sentenceOf({ state, from, to, before }: Stretch): string {
  const { word } = stateLook(state);
  if (before) return `${word} until ${isoText(to)}, start unknown`;
  return `${word} from ${isoText(from)} for ${spanText((to - from) / 1000)}`;
}
