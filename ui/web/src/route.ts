// Which page is shown. The house (cameras, recordings, attempts) is at no hash or
// at one of view.ts; the office's pages are at #/devices, #/users, #/account and #/audit.

import { computed, signal } from "@preact/signals";

export type Page = "house" | "devices" | "users" | "account" | "audit";

export interface Route {
  page: Page;
  /** what follows the page's name: #/users/ID */
  id: string;
  params: URLSearchParams;
}

const pages: readonly Page[] = ["devices", "users", "account", "audit"];

function read(): Route {
  const [path = "", query = ""] = location.hash.slice(1).split("?", 2);
  const [, name, id] = path.split("/");
  const page = path.startsWith("/") ? pages.find((p) => p === name) : undefined;
  return { page: page ?? "house", id: page && id ? decode(id) : "", params: new URLSearchParams(page ? query : "") };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return ""; // somebody typed it
  }
}

export const route = signal<Route>(read());
export const page = computed(() => route.value.page);

/** link is the address of a page. */
export function link(page: Page, id = "", params: Record<string, string> = {}): string {
  if (page === "house") return location.pathname;
  const query = new URLSearchParams(Object.entries(params).filter(([, v]) => v !== "")).toString();
  return `#/${page}${id ? "/" + encodeURIComponent(id) : ""}${query ? "?" + query : ""}`;
}

/** go opens a page; replacing keeps no way back to what was shown. */
export function go(to: string, replace = false): void {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  dispatchEvent(new PopStateEvent("popstate"));
}

addEventListener("popstate", () => (route.value = read()));
