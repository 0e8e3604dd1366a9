// A section with a heading.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Props {
  title: string;
  /** Right of the title. */
  aside?: ComponentChildren;
  flush?: boolean;
  children: ComponentChildren;
}

export function Card({ title, aside, flush, children }: Props) {
  const id = useId();
  return (
    <section class={flush ? "card card-flush" : "card"} aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}
