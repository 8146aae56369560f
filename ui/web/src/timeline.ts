// <nvr-timeline>: a strip of time on a canvas: what is recorded, what is
// missing and why, what is held, and where playback stands. A plain custom
// element; it is a slider to the keyboard and to screen readers. It dispatches
// "seek" with the instant as detail, and "mark" with a stretch, or with nothing
// when none is marked any more: by dragging, by I and O, and by Escape.

import { clock, day, hourMinute, offset, stamp } from "./time";

export interface Stretch {
  from: number; // ms since 1970, half-open
  to: number;
}

export interface Missing extends Stretch {
  reason: string; // in words
}

export interface Held extends Stretch {
  why: string; // in words
}

export interface Strip extends Stretch {
  recorded: Stretch[];
  gaps: Missing[];
  held: Held[];
  /** whether a stretch can be marked, and which one is */
  marks: boolean;
  marked?: Stretch;
  now: number;
  cursor?: number;
  label: string;
  nothing: string; // words for "no footage here"
  have: string; // words for "recorded"
}

const minute = 60_000;
const steps = [minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, 60 * minute, 3 * 60 * minute, 6 * 60 * minute];

export class TimelineElement extends HTMLElement {
  private readonly canvas = document.createElement("canvas");
  private readonly tip = document.createElement("div");
  private strip: Strip | undefined;
  private hover: number | undefined;
  private press: number | undefined; // where a drag began, px
  private dragging = false;
  private focusAt: number | undefined;
  private queued = 0;
  private readonly sized = new ResizeObserver(() => this.draw());
  private readonly scheme = matchMedia("(prefers-color-scheme: dark)");
  private readonly redraw = (): void => this.draw();

  /** set says what to draw. */
  set(strip: Strip): void {
    this.strip = strip;
    this.setAttribute("aria-label", strip.label);
    this.setAttribute("aria-valuemin", String(Math.round(strip.from / 1000)));
    this.setAttribute("aria-valuemax", String(Math.round(strip.to / 1000)));
    this.say(this.focusAt ?? strip.cursor ?? strip.to);
    this.draw();
  }

  connectedCallback(): void {
    this.setAttribute("role", "slider");
    this.tabIndex = 0;
    this.tip.className = "tip";
    this.tip.hidden = true;
    this.append(this.canvas, this.tip);
    this.sized.observe(this);
    this.scheme.addEventListener("change", this.redraw);
    document.addEventListener("themechange", this.redraw);
    this.addEventListener("pointermove", this.onMove);
    this.addEventListener("pointerleave", this.onLeave);
    this.addEventListener("pointerdown", this.onDown);
    this.addEventListener("pointerup", this.onUp);
    this.addEventListener("pointercancel", this.onCancel);
    this.addEventListener("click", this.onClick);
    this.addEventListener("keydown", this.onKey);
    this.addEventListener("blur", this.onBlur);
  }

  disconnectedCallback(): void {
    this.sized.disconnect();
    this.scheme.removeEventListener("change", this.redraw);
    document.removeEventListener("themechange", this.redraw);
  }

  /** what says what there is at an instant, in words. */
  private what(at: number): string {
    const s = this.strip!;
    const inside = (r: Stretch): boolean => at >= r.from && at < r.to;
    const here = s.gaps.find(inside)?.reason ?? (s.recorded.some(inside) ? s.have : s.nothing);
    return [here, ...s.held.filter(inside).map((h) => h.why)].join(", ");
  }

  private say(at: number): void {
    this.setAttribute("aria-valuenow", String(Math.round(at / 1000)));
    this.setAttribute("aria-valuetext", `${stamp(at)}, ${this.what(at)}`);
  }

  private at(x: number): number {
    const s = this.strip!;
    const w = this.clientWidth || 1;
    return s.from + (Math.min(w, Math.max(0, x)) / w) * (s.to - s.from);
  }

  private readonly onDown = (e: PointerEvent): void => {
    this.dragging = false;
    this.press = this.strip?.marks && e.button === 0 ? e.clientX - this.getBoundingClientRect().left : undefined;
  };

  private readonly onUp = (): void => {
    this.press = undefined; // a click follows a drag too: onClick tells them apart
  };

  private readonly onCancel = (): void => {
    this.press = undefined;
    this.dragging = false;
  };

  /** drag marks from where the pointer went down. */
  private drag(e: PointerEvent, x: number): void {
    if (this.press === undefined || (!this.dragging && Math.abs(x - this.press) < 6)) return;
    if (!this.dragging) {
      this.dragging = true;
      this.setPointerCapture(e.pointerId);
    }
    const a = this.at(this.press);
    const b = this.at(x);
    this.mark(Math.min(a, b), Math.max(a, b));
  }

  private mark(from?: number, to?: number): void {
    const detail = from === undefined || to === undefined ? undefined : { from, to };
    const { marked: _, ...rest } = this.strip!;
    this.strip = detail ? { ...rest, marked: detail } : rest; // the next key may come before set does
    this.dispatchEvent(new CustomEvent<Stretch | undefined>("mark", { detail }));
  }

  /** markTo moves one end of what is marked; of nothing it makes a little. */
  private markTo(end: "from" | "to", at: number): void {
    const s = this.strip!;
    const little = (s.to - s.from) / 60;
    let { from, to } = s.marked ?? { from: at, to: at };
    if (end === "from") from = at;
    else to = at;
    if (from >= to) [from, to] = end === "from" ? [at, at + little] : [at - little, at];
    this.mark(from, to);
  }

  private readonly onMove = (e: PointerEvent): void => {
    if (!this.strip) return;
    const box = this.getBoundingClientRect();
    this.drag(e, e.clientX - box.left);
    if (e.pointerType === "touch") return;
    this.hover = this.at(e.clientX - box.left);
    const late = this.hover > this.strip.now;
    this.tip.hidden = late;
    this.tip.textContent = late ? "" : `${clock(this.hover)} · ${this.what(this.hover)}`;
    const half = this.tip.offsetWidth / 2;
    this.tip.style.left = Math.min(box.width - half, Math.max(half, e.clientX - box.left)) + "px";
    this.draw();
  };

  private readonly onLeave = (): void => {
    this.hover = undefined;
    this.tip.hidden = true;
    this.draw();
  };

  private readonly onClick = (e: MouseEvent): void => {
    const dragged = this.dragging;
    this.dragging = false;
    if (this.strip && !dragged) this.seek(this.at(e.clientX - this.getBoundingClientRect().left));
  };

  private readonly onBlur = (): void => {
    this.focusAt = undefined;
    this.draw();
  };

  private readonly onKey = (e: KeyboardEvent): void => {
    const s = this.strip;
    if (!s || e.isComposing || e.ctrlKey || e.metaKey || e.altKey) return;
    const start = this.focusAt ?? s.cursor ?? Math.min(s.to, s.now);
    const little = (s.to - s.from) / 120;
    const jump: Record<string, number> = {
      ArrowLeft: start - little,
      ArrowRight: start + little,
      PageDown: start - little * 10,
      PageUp: start + little * 10,
      Home: s.from,
      End: Math.min(s.to, s.now),
    };
    if (e.code === "Enter" || e.code === "Space") {
      e.preventDefault();
      this.seek(start);
      return;
    }
    if (s.marks && (e.code === "KeyI" || e.code === "KeyO")) {
      e.preventDefault();
      this.markTo(e.code === "KeyI" ? "from" : "to", start);
      return;
    }
    if (e.code === "Escape" && s.marked) {
      this.mark();
      return;
    }
    const next = jump[e.code];
    if (next === undefined) return;
    e.preventDefault();
    this.focusAt = Math.min(Math.min(s.to, s.now), Math.max(s.from, next));
    this.say(this.focusAt);
    this.draw();
  };

  private seek(at: number): void {
    this.dispatchEvent(new CustomEvent<number>("seek", { detail: Math.min(at, this.strip!.now) }));
  }

  private draw(): void {
    if (this.queued) return;
    this.queued = requestAnimationFrame(() => {
      this.queued = 0;
      this.paint();
    });
  }

  private paint(): void {
    const s = this.strip;
    const w = this.clientWidth;
    const h = this.clientHeight;
    if (!s || w === 0) return;
    const scale = devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(w * scale) || this.canvas.height !== Math.round(h * scale)) {
      this.canvas.width = Math.round(w * scale);
      this.canvas.height = Math.round(h * scale);
    }
    const c = this.canvas.getContext("2d")!;
    c.setTransform(scale, 0, 0, scale, 0, 0);
    c.clearRect(0, 0, w, h);
    const style = getComputedStyle(this);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const x = (at: number): number => ((at - s.from) / (s.to - s.from)) * w;
    const bar = h - 15; // below it the hours
    const box = (r: Stretch): [number, number] => {
      const l = Math.floor(Math.max(0, x(r.from))); // whole pixels: stretches that touch show no seam
      return [l, Math.max(1, Math.ceil(Math.min(w, x(r.to))) - l)];
    };

    c.fillStyle = colour("--strip-track");
    c.fillRect(0, 0, Math.max(0, Math.min(w, x(s.now))), bar);
    c.fillStyle = colour("--strip-run");
    for (const r of s.recorded) {
      const [l, width] = box(r);
      c.fillRect(l, 0, width, bar);
    }
    const hatch = pattern(c, colour("--strip-gap"), colour("--strip-gap-line"));
    for (const g of s.gaps) {
      const [l, width] = box(g);
      c.fillStyle = hatch;
      c.fillRect(l, 0, Math.max(2, width), bar);
    }
    this.paintHeld(c, box, bar, colour);
    this.paintHours(c, x, w, bar, h, colour);
    if (s.marked) {
      const [l, width] = box(s.marked);
      c.fillStyle = colour("--panel");
      c.globalAlpha = 0.45;
      c.fillRect(l, 0, width, bar);
      c.globalAlpha = 1;
      c.strokeStyle = colour("--strip-mark");
      c.lineWidth = 2;
      c.strokeRect(l + 1, 1, Math.max(1, width - 2), bar - 2);
    }
    if (this.hover !== undefined && this.hover <= s.now) line(c, x(this.hover), bar, colour("--muted"), 1);
    if (this.focusAt !== undefined) line(c, x(this.focusAt), bar, colour("--accent"), 2);
    if (s.cursor !== undefined && s.cursor >= s.from && s.cursor <= s.to) {
      const at = x(s.cursor);
      line(c, at, bar, colour("--strip-cursor"), 2);
      c.beginPath();
      c.moveTo(at - 5, 0);
      c.lineTo(at + 5, 0);
      c.lineTo(at, 6);
      c.fill();
    }
  }

  /** paintHeld draws a band with dots below: over footage, gaps and what is still to come. */
  private paintHeld(c: CanvasRenderingContext2D, box: (r: Stretch) => [number, number], bar: number, colour: (n: string) => string): void {
    const band = 7;
    const fill = dots(c, colour("--strip-held"), colour("--strip-held-dot"));
    for (const held of this.strip!.held) {
      if (held.to <= this.strip!.from || held.from >= this.strip!.to) continue;
      const [l, width] = box(held);
      c.fillStyle = fill;
      c.fillRect(l, bar - band, Math.max(3, width), band);
      c.fillStyle = colour("--strip-held");
      c.fillRect(l, bar - band - 1, Math.max(3, width), 1);
    }
  }

  private paintHours(c: CanvasRenderingContext2D, x: (at: number) => number, w: number, bar: number, h: number, colour: (n: string) => string): void {
    const s = this.strip!;
    const step = steps.find((n) => (n / (s.to - s.from)) * w >= 62) ?? 12 * 60 * minute;
    c.font = "10px " + getComputedStyle(this).fontFamily;
    c.textBaseline = "alphabetic";
    const shift = offset(s.from); // whole hours of the site's zone, not of UTC
    for (let at = Math.ceil((s.from + shift) / step) * step - shift; at < s.to; at += step) {
      const px = Math.round(x(at)) + 0.5;
      c.fillStyle = colour("--strip-line");
      c.fillRect(px - 0.5, 0, 1, bar + 3);
      const text = hourMinute(at) === "00:00" ? day(at).slice(5) : hourMinute(at);
      const width = c.measureText(text).width;
      if (px - width / 2 < 0 || px + width / 2 > w) continue;
      c.fillStyle = colour("--muted");
      c.fillText(text, px - width / 2, h - 2);
    }
  }
}

function line(c: CanvasRenderingContext2D, x: number, height: number, colour: string, width: number): void {
  c.fillStyle = colour;
  c.fillRect(Math.round(x) - width / 2, 0, width, height);
}

/** pattern is a hatch: a gap is told by its shape too, not by colour alone. */
function pattern(c: CanvasRenderingContext2D, ground: string, lines: string): CanvasPattern | string {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const p = tile.getContext("2d")!;
  p.fillStyle = ground;
  p.fillRect(0, 0, 6, 6);
  p.strokeStyle = lines;
  p.lineWidth = 1.4;
  p.beginPath();
  p.moveTo(-1, 7);
  p.lineTo(7, -1);
  p.moveTo(-1, 1);
  p.lineTo(1, -1);
  p.moveTo(5, 7);
  p.lineTo(7, 5);
  p.stroke();
  return c.createPattern(tile, "repeat") ?? ground;
}

/** dots is what tells held from recorded without colour. */
function dots(c: CanvasRenderingContext2D, ground: string, dot: string): CanvasPattern | string {
  const tile = document.createElement("canvas");
  tile.width = 5;
  tile.height = 7;
  const p = tile.getContext("2d")!;
  p.fillStyle = ground;
  p.fillRect(0, 0, 5, 7);
  p.fillStyle = dot;
  p.fillRect(1, 2, 2, 2);
  return c.createPattern(tile, "repeat") ?? ground;
}

customElements.define("nvr-timeline", TimelineElement);
