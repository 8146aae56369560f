// What this browser remembers of a person's choices. One that keeps nothing (a
// private window, blocked storage) throws at the question: then nothing is remembered.

/** recall gives what was remembered. */
export function recall(name: string): string | undefined {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

/** remember keeps a choice for the next time. */
export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // it holds for this page
  }
}
