// The position of a list on the screen, updated at most once per frame.
import { useSignal, type ReadonlySignal } from "@preact/signals";
import { useEffect, type MutableRef } from "preact/hooks";

import type { Viewport } from "./slice";

export function useViewport(list: MutableRef<HTMLElement | null>): ReadonlySignal<Viewport> {
  const viewport = useSignal<Viewport>({ above: 0, height: innerHeight });
  useEffect(() => {
    let frame = 0;
    const measure = () => {
      frame = 0;
      if (!list.current) return;
      const above = Math.round(-list.current.getBoundingClientRect().top);
      const before = viewport.peek();
      if (above !== before.above || innerHeight !== before.height) viewport.value = { above, height: innerHeight };
    };
    const later = () => {
      frame ||= requestAnimationFrame(measure);
    };
    measure();
    addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", later);
      removeEventListener("resize", later);
    };
  }, []);
  return viewport;
}
