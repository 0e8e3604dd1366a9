// The current throughput in both directions.
import type { Rates } from "../api/types";
import { bitsText } from "../format/amount";

export function RatePair({ rates }: { rates: Rates }) {
  const quiet = rates.rx_bits_per_second === 0 && rates.tx_bits_per_second === 0;
  if (quiet) return <span class="soft">no traffic</span>;
  return (
    <span class="rates">
      <Direction way="in" bits={rates.rx_bits_per_second} />
      <Direction way="out" bits={rates.tx_bits_per_second} />
    </span>
  );
}

export function Direction({ way, bits }: { way: "in" | "out"; bits: number }) {
  return (
    <span class={`rate rate-${way}`}>
      <span class="rate-arrow" aria-hidden="true">
        {way === "in" ? "↓" : "↑"}
      </span>
      <span class="visually-hidden">{way} </span>
      {bitsText(bits)}
    </span>
  );
}
