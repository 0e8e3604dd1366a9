// Rates, quotas and test links in words.
import type { Emulation, Peer } from "../api/types";
import { bitsText, bytesText, shareText } from "./amount";

/** What is used of a quota, and what happens once it is spent. */
export type Quota = Pick<Peer, "quota_bytes" | "after_quota" | "quota_spent" | "month_rx_bytes" | "month_tx_bytes">;

/** "up 20 Mbit/s, down no limit"; "none". */
export function ratesText(up: number | null, down: number | null): string {
  if (up === null && down === null) return "none";
  const text = (bits: number | null) => (bits === null ? "no limit" : bitsText(bits));
  return `up ${text(up)}, down ${text(down)}`;
}

/** Of 1; more when more went through than the quota allows. Nothing: there is no quota. */
export function usedShare(quota: Quota): number | undefined {
  if (quota.quota_bytes === null) return undefined;
  return (quota.month_rx_bytes + quota.month_tx_bytes) / quota.quota_bytes;
}

/** "412 GiB of 500 GiB (82 %)"; "412 GiB, no quota". */
export function usedText(quota: Quota): string {
  const used = bytesText(quota.month_rx_bytes + quota.month_tx_bytes);
  if (quota.quota_bytes === null) return `${used}, no quota`;
  return `${used} of ${bytesText(quota.quota_bytes)} (${shareText(usedShare(quota) ?? 0)})`;
}

/** What happens to packets once the quota is spent: "nothing passes", "64.0 kbit/s each way". */
export function afterText(after: Quota["after_quota"]): string {
  return typeof after === "number" ? `${bitsText(after)} each way` : "nothing passes";
}

const partText = (millionths: number) => `${Number((millionths / 10_000).toFixed(4))} %`;
const delayText = (microseconds: number) => `${Number((microseconds / 1000).toFixed(3))} ms`;

/** "delay 50 ms ± 5 ms, loss 1 %", as vpnctl status has it; "unchanged". */
export function emulationText(one: Emulation): string {
  const texts = [];
  if (one.delay_us > 0 || one.jitter_us > 0)
    texts.push(`delay ${delayText(one.delay_us)}${one.jitter_us > 0 ? ` ± ${delayText(one.jitter_us)}` : ""}`);
  for (const kind of ["loss", "reorder", "duplicate"] as const)
    if (one[kind] > 0) texts.push(`${kind} ${partText(one[kind])}`);
  if (one.rate !== null) texts.push(`rate ${bitsText(one.rate)}`);
  return texts.length === 0 ? "unchanged" : texts.join(", ");
}
