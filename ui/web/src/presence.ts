// Whether somebody is at the page. What asks the recorder again and again asks
// only then: nobody else would read the answer.

/** how long after a key or the pointer somebody counts as there, ms */
const patience = 2 * 60_000;

let last = performance.now();
for (const sign of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
  addEventListener(sign, () => (last = performance.now()), { passive: true, capture: true });
}

/** present tells whether the page is in sight and somebody is at it. */
export function present(): boolean {
  return document.visibilityState === "visible" && performance.now() - last < patience;
}
