// Switches between system, light and dark.
import { setTheme, theme, type Theme } from "../state/theme";

const next: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const names: Record<Theme, string> = { system: "as the system", light: "light", dark: "dark" };

const sun =
  "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 1.8v1.7M10 16.5v1.7M1.8 10h1.7M16.5 10h1.7M4.2 4.2l1.2 1.2" +
  "M14.6 14.6l1.2 1.2M4.2 15.8l1.2-1.2M14.6 5.4l1.2-1.2";

export function ThemeSwitch() {
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={`Colours: ${names[theme.value]}. Switch to ${names[next[theme.value]]}`}
      title={`Colours: ${names[theme.value]}`}
      onClick={() => setTheme(next[theme.value])}
    >
      <svg
        viewBox="0 0 20 20"
        width="20"
        height="20"
        aria-hidden="true"
        fill="none"
        stroke="currentColor"
        stroke-width="1.6"
        stroke-linecap="round"
        stroke-linejoin="round"
      >
        {theme.value === "light" ? (
          <path d={sun} />
        ) : theme.value === "dark" ? (
          <path d="M16.5 12A7 7 0 0 1 8 3.5 7 7 0 1 0 16.5 12z" />
        ) : (
          <>
            <circle cx="10" cy="10" r="7" />
            <path d="M10 3a7 7 0 0 0 0 14z" fill="currentColor" />
          </>
        )}
      </svg>
    </button>
  );
}
