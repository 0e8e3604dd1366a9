// Dropped packets: the reason in a sentence, and what to do.
import type { Drop } from "../api/types";
import { countText } from "../format/amount";

export function Drops({ drops }: { drops: readonly Drop[] }) {
  return (
    <ul class="drops">
      {drops.map((drop) => (
        <li key={drop.name}>
          <span class="drop-count">
            {countText(drop.packets)}
            <span class="visually-hidden"> packets</span>
          </span>
          <div>
            <p>{drop.sentence}</p>
            {drop.what_to_do !== "" && (
              <p class="drop-advice">
                <span class="visually-hidden">What to do: </span>
                {drop.what_to_do}
              </p>
            )}
            <p class="soft small">
              <code>{drop.name}</code>
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}
