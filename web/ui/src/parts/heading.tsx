// The heading of a page. After a step within the page it takes the focus, so that a screen reader says where one is now.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

let wanted = false;

/** The next heading takes the focus, and the one after it too (a page's own follows the one that was shown while it loaded), until the reader does something. */
export function claimFocus(): void {
  wanted = true;
  for (const event of ["keydown", "pointerdown"])
    addEventListener(event, () => (wanted = false), { once: true, capture: true });
}

export function Heading({ children }: { children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    if (wanted) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h1 tabIndex={-1} ref={heading}>
      {children}
    </h1>
  );
}
