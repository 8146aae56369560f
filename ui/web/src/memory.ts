// What this tab remembers across a reload. A browser may forbid that: then
// nothing is remembered, and nothing fails.

/** remember keeps a word for this tab; undefined forgets it. */
export function remember(key: string, value: string | undefined): void {
  try {
    if (value === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch {
    // forbidden: see above
  }
}

/** recall gives a word that was remembered. */
export function recall(key: string): string | undefined {
  try {
    return sessionStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}
