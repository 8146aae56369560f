import type { JSX } from "preact";
export function Office(): JSX.Element { return <main id="office" />; }
