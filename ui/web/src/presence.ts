// Whether somebody is at the page. What asks the recorder again and again asks
// only then: nobody else would read the answer.

/** how long after a key or the pointer somebody counts as there, ms */
const patience = 2 * 60_000;

let last = performance.now();
let pointer = "";
for (const sign of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
  addEventListener(sign, (e) => {
    // A page that moves under a pointer that lies still is nobody.
    const where = e instanceof PointerEvent ? `${e.screenX} ${e.screenY}` : "";
    if (sign === "pointermove" && where === pointer) return;
    if (where) pointer = where;
    last = performance.now();
  }, { passive: true, capture: true });
}

/** a minute, ms: so often the recorder is told that somebody is there */
export const minute = 60_000;

/** acted tells whether somebody did something within the last minute. */
export function acted(): boolean {
  return performance.now() - last < minute;
}

/** present tells whether the page is in sight and somebody is at it. */
export function present(): boolean {
  return document.visibilityState === "visible" && performance.now() - last < patience;
}
