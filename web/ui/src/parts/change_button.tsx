// A button that changes something, and says what comes of it.
import { useSignal } from "@preact/signals";

import { Failure } from "../api/client";
import { announcement } from "../state/announce";
import { changing } from "../state/changes";

interface Props {
  children: string;
  /** For screen readers, when the words alone do not say what is meant. */
  label?: string;
  /** Asked before, when it is not easily undone. */
  question?: string;
  work: () => Promise<unknown>;
  done?: () => void;
}

export function ChangeButton({ children, label, question, work, done }: Props) {
  const busy = useSignal(false);
  const trouble = useSignal("");
  const click = async () => {
    if (busy.value || (question !== undefined && !window.confirm(question))) return;
    busy.value = true;
    trouble.value = "";
    try {
      if ((await changing(work)) === undefined) return;
      announcement.value = `${label ?? children}: done.`;
      done?.();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      trouble.value = error.message;
    } finally {
      busy.value = false;
    }
  };
  return (
    <span class="change">
      <button type="button" class="button" aria-disabled={busy.value} aria-label={label} onClick={() => void click()}>
        {busy.value ? `${children} …` : children}
      </button>
      <span class="login-trouble" role="alert">
        {trouble}
      </span>
    </span>
  );
}
