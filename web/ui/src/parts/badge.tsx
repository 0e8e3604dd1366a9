// A state: shape, colour and word.
import type { Look } from "../format/words";
import { Shape } from "./shape";

export function Badge({ look, title }: { look: Look; title?: string | undefined }) {
  return (
    <span class={`badge tone-${look.tone}`} title={title}>
      <Shape name={look.shape} />
      {look.word}
    </span>
  );
}
