// A search field. "/" focuses it from anywhere on the page, Escape clears it.
import { useEffect, useId, useRef } from "preact/hooks";

interface Props {
  label: string;
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

export function Search({ label, value, onChange, placeholder }: Props) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const slash = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      event.preventDefault();
      field.current?.focus();
      field.current?.select();
    };
    addEventListener("keydown", slash);
    return () => removeEventListener("keydown", slash);
  }, []);
  return (
    <div class="search" role="search">
      <label class="visually-hidden" for={id}>
        {label}
      </label>
      <svg class="search-sign" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <path
          d="m14 14-3.4-3.4M12 7A5 5 0 1 1 2 7a5 5 0 0 1 10 0z"
          fill="none"
          stroke="currentColor"
          stroke-width="1.6"
          stroke-linecap="round"
        />
      </svg>
      <input
        id={id}
        ref={field}
        type="search"
        class="field"
        value={value}
        placeholder={placeholder ?? label}
        maxLength={100}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        aria-keyshortcuts="/"
        onInput={(event) => onChange(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && value !== "") onChange("");
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </div>
  );
}
