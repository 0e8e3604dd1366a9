import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { api, Failure } from "../api/client";
import { LoginForm } from "../parts/login_form";

export function Login() {
  const appliance = useSignal("");
  useEffect(() => {
    const aborter = new AbortController();
    api.about(aborter.signal).then(
      (about) => (appliance.value = about.appliance),
      (error: unknown) => {
        if (!aborter.signal.aborted && !(error instanceof Failure)) throw error; // the form says what is wrong
      },
    );
    return () => aborter.abort();
  }, []);
  return (
    <main class="login">
      <div class="login-card">
        <svg class="login-mark" viewBox="0 0 32 32" width="44" height="44" aria-hidden="true">
          <rect width="32" height="32" rx="8" fill="currentColor" />
          <path d="M6 22v-6a4 4 0 0 1 8 0v6M18 22v-6a4 4 0 0 1 8 0v6M10 22v-4M22 22v-4" class="brand-line" />
        </svg>
        <h1>{appliance.value === "" ? "Warren" : appliance.value}</h1>
        <p class="soft">Log in to see your tunnels.</p>
        <LoginForm />
      </div>
    </main>
  );
}
