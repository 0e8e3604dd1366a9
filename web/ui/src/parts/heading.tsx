// The heading of a page. After a navigation it gets the focus, so that a screen reader announces the new page.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

let wanted = false;

/**
 * The next headings get the focus (a page's heading may follow that of its loading state), until a key or the pointer
 * is used.
 */
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
