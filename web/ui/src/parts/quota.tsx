// How much of a month's quota is used: in words, with a bar.
import { afterText, usedShare, usedText, type Quota as Data } from "../format/limits";

export function Quota({ of }: { of: Data }) {
  return (
    <>
      {usedText(of)}
      <QuotaBar of={of} />
      {of.quota_spent === true && <span class="block quota-spent">spent: {afterText(of.after_quota)}</span>}
    </>
  );
}

/** Nothing without a quota. The words beside it say the same. */
export function QuotaBar({ of }: { of: Data }) {
  const share = usedShare(of);
  if (share === undefined) return null;
  const tone = of.quota_spent || share >= 1 ? "bad" : share >= nearly ? "wait" : "good";
  return (
    <svg class={`quota-bar tone-${tone}`} viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect width={Math.min(100, share * 100)} height="6" />
    </svg>
  );
}

const nearly = 0.8;
