import { signal } from "@preact/signals";
import { recall, remember } from "./memory";

export type Theme = "auto" | "light" | "dark";

function remembered(): Theme {
  const v = recall("theme");
  return v === "light" || v === "dark" ? v : "auto";
}

export const theme = signal<Theme>(remembered());

/** applyTheme sets what the style sheet and the canvases go by. */
export function applyTheme(): void {
  if (theme.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
  document.dispatchEvent(new Event("themechange"));
}

/** setTheme chooses light, dark, or what the system says, and remembers it. */
export function setTheme(next: Theme): void {
  theme.value = next;
  remember("theme", next);
  applyTheme();
}

/** isDark tells what is shown now. */
export function isDark(): boolean {
  return theme.value === "dark" || (theme.value === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
}
