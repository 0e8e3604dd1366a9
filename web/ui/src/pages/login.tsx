import { LoginForm } from "../parts/login_form";

export function Login() {
  return (
    <main class="login">
      <div class="login-card">
        <svg class="login-mark" viewBox="0 0 32 32" width="44" height="44" aria-hidden="true">
          <rect width="32" height="32" rx="8" fill="currentColor" />
          <path d="M6 22v-6a4 4 0 0 1 8 0v6M18 22v-6a4 4 0 0 1 8 0v6M10 22v-4M22 22v-4" class="brand-line" />
        </svg>
        <h1>Warren</h1>
        <p class="soft">Log in to see your tunnels.</p>
        <LoginForm />
      </div>
    </main>
  );
}
