// Asks for the password before the first change, and again after a while.
import { useSignal } from "@preact/signals";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

import { Failure } from "../api/client";
import { session } from "../state/session";
import { giveUp, unlock } from "../state/changes";

export function Unlock() {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const busy = useSignal(false);
  const trouble = useSignal("");
  useLayoutEffect(() => dialog.current?.showModal(), []);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const field = dialog.current?.querySelector<HTMLInputElement>("[name=password]");
    if (busy.value || !field) return;
    busy.value = true;
    trouble.value = "";
    try {
      await unlock(field.value);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      trouble.value = error.message;
      field.select();
    } finally {
      busy.value = false;
    }
  };

  return (
    <dialog
      class="dialog"
      ref={dialog}
      aria-labelledby={`${id}-title`}
      onCancel={(event) => {
        event.preventDefault();
        giveUp();
      }}
    >
      <h2 id={`${id}-title`}>Your password, please</h2>
      <p class="soft">Changes need it again. They stay possible for 15 minutes after the last one.</p>
      <form class="login-form" onSubmit={submit}>
        <input type="hidden" name="user" autocomplete="username" value={session.value?.user ?? ""} />
        <label for={`${id}-password`}>Password</label>
        <input
          id={`${id}-password`}
          class="field"
          name="password"
          type="password"
          required
          maxLength={1024}
          autocomplete="current-password"
          aria-describedby={`${id}-trouble`}
        />
        <p class="login-trouble" id={`${id}-trouble`} role="alert">
          {trouble}
        </p>
        <button class="button button-main" type="submit" aria-disabled={busy.value}>
          {busy.value ? "Checking …" : "Continue"}
        </button>
      </form>
      <button type="button" class="button-quiet" onClick={giveUp}>
        Cancel
      </button>
    </dialog>
  );
}
