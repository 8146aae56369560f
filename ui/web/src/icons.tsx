import type { JSX } from "preact";

const paths = {
  mark: "M3 9l2.5-3.5L8 9v12H3zM9.5 7L12 3.5 14.5 7v14h-5zM16 9l2.5-3.5L21 9v12h-5z",
  shield: "M12 2.5l8 3v6c0 5-3.4 8.5-8 10-4.6-1.5-8-5-8-10v-6z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M6 6l12 12M18 6L6 18",
  warn: "M12 3.5L22 20.5H2zM12 10v5M12 17.3v.9",
  question: "M9 9a3 3 0 1 1 4.2 2.7c-.8.4-1.2 1-1.2 2v.6M12 17.5v.8",
  play: "M7 4.5v15l12-7.5z",
  pause: "M7 5v14M17 5v14",
  back: "M15 5l-7 7 7 7",
  forward: "M9 5l7 7-7 7",
  grid: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  expand: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  sun: "M12 7.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M5 5l1.7 1.7M17.3 17.3L19 19M19 5l-1.7 1.7M6.7 17.3L5 19",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  camera: "M3 7h12v10H3zM15 10.5l6-3v9l-6-3",
  off: "M3 7h12v10H3zM15 10.5l6-3v9l-6-3M3 3l18 18",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.5 2",
  plug: "M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20 20",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  chevron: "M9 6l6 6-6 6",
  sound: "M4 9.5v5h4l5 4v-13l-5 4zM16.5 9a4.5 4.5 0 0 1 0 6M19 6.5a8 8 0 0 1 0 11",
  mute: "M4 9.5v5h4l5 4v-13l-5 4zM16.5 9.5l5 5M21.5 9.5l-5 5",
  person: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20.5c.6-3.8 3.6-6 7.5-6s6.9 2.2 7.5 6",
  people: "M9 5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM2.5 20c.5-3.4 3-5.4 6.5-5.4s6 2 6.5 5.4M16 5.3a3.5 3.5 0 0 1 0 6.5M18 14.9c2 .7 3.2 2.4 3.5 5.1",
  book: "M5 4h12a2 2 0 0 1 2 2v14H7a2 2 0 0 1-2-2zM5 18a2 2 0 0 1 2-2h12M9 8h6M9 11.5h4",
  leave: "M14 4H5v16h9M10 12h10.5M17 8l4 4-4 4",
  key: "M8 11.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM11.2 12.8L20.5 3.5M16 8l3.5 3.5M13 11l2 2",
  lock: "M5 11h14v9.5H5zM8 11V8a4 4 0 0 1 8 0v3M12 15v2",
  phone: "M7 2.5h10v19H7zM11 18.5h2",
  eye: "M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  plus: "M12 5v14M5 12h14",
  copy: "M8.5 8.5H20V20H8.5zM15.5 8.5V4H4v11.5h4.5",
  screen: "M3 4.5h18v12H3zM9 20.5h6M12 16.5v4",
  down: "M6 9l6 6 6-6",
  edit: "M4 20l1-4.5L16.5 4 20 7.5 8.5 19z",
  dots: "M4.5 12h1M11.5 12h1M18.5 12h1",
  table: "M4 5h16v14H4zM4 10h16M4 14.5h16M10 10v9",
} as const;

export type IconName = keyof typeof paths;

const filled = new Set<IconName>(["mark", "play", "grid"]);

/** Icon is decoration: words beside it, or a label on its button, say the same. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }): JSX.Element {
  const solid = filled.has(name);
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" fill={solid ? "currentColor" : "none"}
      stroke={solid ? "none" : "currentColor"} stroke-width="2" stroke-linecap="round" stroke-linejoin="round">
      <path d={paths[name]} />
    </svg>
  );
}
