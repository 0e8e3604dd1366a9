// The login form and its errors.
import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";

import { Failure } from "../api/client";
import { spanText } from "../format/time";
import { login } from "../state/session";

export function LoginForm({ user: known = "" }: { user?: string }) {
  const id = useId();
  const form = useRef<HTMLFormElement>(null);
  const busy = useSignal(false);
  const trouble = useSignal("");

  useEffect(
    () => form.current?.querySelector<HTMLInputElement>(known === "" ? "[name=user]" : "[name=password]")?.focus(),
    [],
  );

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (busy.value || !form.current) return;
    const fields = new FormData(form.current);
    busy.value = true;
    trouble.value = "";
    try {
      await login(String(fields.get("user")), String(fields.get("password")));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      trouble.value = troubleText(error);
      form.current?.querySelector<HTMLInputElement>("[name=password]")?.select();
    } finally {
      busy.value = false;
    }
  };

  return (
    <form class="login-form" ref={form} onSubmit={submit} noValidate={false}>
      <label for={`${id}-user`}>User</label>
      <input
        id={`${id}-user`}
        class="field"
        name="user"
        required
        maxLength={64}
        autocomplete="username"
        autocapitalize="off"
        spellcheck={false}
        defaultValue={known}
      />
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
        {busy.value ? "Logging in …" : "Log in"}
      </button>
    </form>
  );
}

function troubleText(failure: Failure): string {
  if (failure.status === 401) return "Wrong user or password.";
  if (failure.status === 429) {
    const wait = failure.retryAfter > 0 ? ` Try again in ${spanText(failure.retryAfter)}.` : " Try again later.";
    return `Too many attempts.${wait}`;
  }
  return failure.message;
}
