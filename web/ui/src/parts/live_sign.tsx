// Whether the figures are live.
import { link } from "../state/live";
import { outdated } from "../state/overview";
import { Shape } from "./shape";

export function LiveSign() {
  const [word, shape, tone] =
    link.value.kind === "live"
      ? outdated.value
        ? (["Outdated", "triangle", "wait"] as const)
        : (["Live", "full", "good"] as const)
      : link.value.kind === "waiting"
        ? (["Reconnecting", "half", "wait"] as const)
        : (["Connecting", "dots", "quiet"] as const);
  return (
    <span class={`live badge tone-${tone}`} data-test="live">
      <Shape name={shape} />
      <span class="live-word">{word}</span>
    </span>
  );
}
