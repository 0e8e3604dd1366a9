// How many IPsec connections are up.
import type { ConnectionCounts } from "../api/types";
import { countText } from "../format/amount";
import { connectionRule } from "../format/words";
import { Hint } from "./hint";

export function ConnectionsFigure({ counts }: { counts: ConnectionCounts }) {
  const others = [
    [counts.connecting, "connecting"],
    [counts.down, "down"],
    [counts.listening, "listening"],
    [counts.unserved, "not served"],
  ] as const;
  const shown = others.filter(([count]) => count > 0).map(([count, word]) => `${countText(count)} ${word}`);
  return (
    <section class="figure-card" aria-label="Connections up">
      <p class="figure-name">
        Connections up <Hint about="connections" text={connectionRule} />
      </p>
      <p class="figure">
        {countText(counts.up)} <span class="figure-of">of {countText(counts.total)}</span>
      </p>
      <p class="soft small">{shown.length === 0 ? "IPsec" : shown.join(" · ")}</p>
    </section>
  );
}
