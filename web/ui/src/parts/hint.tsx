// A question mark with an explanation, for mouse, touch and keyboard; Escape closes it.
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";

export function Hint({ about, text }: { about: string; text: string }) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const bubble = useRef<HTMLSpanElement>(null);

  useLayoutEffect(() => {
    if (open && bubble.current) keepOnScreen(bubble.current);
  }, [open]);

  const close = () => setOpen(false);
  return (
    <span class="hint" onMouseLeave={close}>
      <button
        type="button"
        class="hint-mark"
        aria-label={`What ${about} means`}
        aria-describedby={open ? id : undefined}
        aria-expanded={open}
        onMouseEnter={() => setOpen(true)}
        onFocus={() => setOpen(true)}
        onBlur={close}
        onClick={() => setOpen(true)}
        onKeyDown={(event) => event.key === "Escape" && close()}
      >
        ?
      </button>
      <span class="hint-text" id={id} role="tooltip" hidden={!open} ref={bubble}>
        {text}
      </span>
    </span>
  );
}

function keepOnScreen(bubble: HTMLElement): void {
  const margin = 12;
  bubble.style.setProperty("--shift", "0px");
  const box = bubble.getBoundingClientRect();
  const left = Math.max(0, margin - box.left);
  const right = Math.max(0, box.right + margin - document.documentElement.clientWidth);
  bubble.style.setProperty("--shift", `${left - right}px`);
}
