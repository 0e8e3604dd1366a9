// Light, dark, or as the system has it; remembered in this browser.
import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const key = "warren-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

export const theme = signal<Theme>(stored());
/** Grows whenever the colours on the screen changed: what draws on a canvas draws again. */
export const colours = signal(0);

function stored(): Theme {
  const value = read();
  return value === "light" || value === "dark" ? value : "system";
}

function read(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is off
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
    // It holds until the page is closed, then.
  }
  show();
}
