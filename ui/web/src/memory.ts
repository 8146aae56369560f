// What this browser remembers: choices of a person for good, and words of a tab
// across a reload. One that keeps nothing (a private window, blocked storage)
// throws at the question: then nothing is remembered, and nothing fails.

/** recall gives what was remembered. */
export function recall(name: string): string | undefined {
  return read(() => localStorage.getItem(name));
}

/** remember keeps a choice for the next time. */
export function remember(name: string, value: string): void {
  write(() => localStorage.setItem(name, value));
}

/** leaveNote keeps a word for the next document of this tab. */
export function leaveNote(name: string, value: string): void {
  write(() => sessionStorage.setItem(name, value));
}

/** takeNote gives that word, once. */
export function takeNote(name: string): string | undefined {
  const note = read(() => sessionStorage.getItem(name));
  write(() => sessionStorage.removeItem(name));
  return note;
}

function read(from: () => string | null): string | undefined {
  try {
    return from() ?? undefined;
  } catch {
    return undefined;
  }
}

function write(to: () => void): void {
  try {
    to();
  } catch {
    // it holds for this document
  }
}
