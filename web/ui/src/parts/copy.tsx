// A text with a button that copies it.
import { useEffect, useState } from "preact/hooks";

export function Copy({ text, what }: { text: string; what: string }) {
  const [done, setDone] = useState<"" | "Copied" | "Not allowed">("");
  useEffect(() => {
    if (done === "") return;
    const timer = setTimeout(() => setDone(""), 2000);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = () => {
    Promise.resolve(navigator.clipboard?.writeText(text) ?? Promise.reject()).then(
      () => setDone("Copied"),
      () => setDone("Not allowed"),
    );
  };
  return (
    <span class="copy">
      <code>{text}</code>
      <button type="button" class="button-quiet" onClick={copy} aria-label={`Copy ${what}`}>
        {done || "Copy"}
      </button>
      <span class="visually-hidden" role="status">
        {done}
      </span>
    </span>
  );
}
