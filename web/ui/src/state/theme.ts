// Light, dark, or the system's setting; stored in this browser.
import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const key = "warren-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

export const theme = signal<Theme>(stored());
/** Increases whenever the colours change, so that canvases are redrawn. */
export const colours = signal(0);

function stored(): Theme {
  const value = read();
  return value === "light" || value === "dark" ? value : "system";
}

function read(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is disabled
  }
}

function show(): void {
  const root = document.documentElement;
  if (theme.value === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = theme.value;
  colours.value += 1;
}

export function startTheme(): void {
  show();
  dark.addEventListener("change", show);
}

export function setTheme(next: Theme): void {
  theme.value = next;
  try {
    localStorage.setItem(key, next);
  } catch {
    // It then applies until the page is closed.
  }
  show();
}
