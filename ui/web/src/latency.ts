// The live latency controller. The buffer is the distance from the picture to
// the newest one received; it is steered towards a target by playing a little
// faster or slower. The target starts where nearly every network is smooth,
// narrows while nothing stalls and widens when something does.

const first = 0.12; // seconds
const narrow = 0.06;
const widest = 1.2;
const narrowAfter = 30_000; // ms without a stall
const jumpBeyond = 1.5; // seconds
const slowest = 0.9;
const fastest = 1.25;

export class Latency {
  private target = first;
  private smooth = first;
  private calmSince = performance.now();
  private stalls = 0;

  /** stalled widens the target and gives the number of stalls. */
  stalled(): number {
    const t = performance.now();
    if (t - this.calmSince > 300) {
      this.target = Math.min(widest, this.target * 1.5);
      this.stalls++;
    }
    this.calmSince = t;
    return this.stalls;
  }

  /** steer sets the rate of a playing video, or jumps when it is too far behind or outside of what is buffered. */
  steer(video: HTMLVideoElement, buffered: TimeRanges): void {
    const i = buffered.length - 1;
    const end = buffered.end(i);
    const start = buffered.start(i);
    const gap = end - video.currentTime;
    if (gap > jumpBeyond || gap < -0.5 || (video.currentTime < start && end - start > 0.01)) {
      video.currentTime = Math.max(start, end - this.target);
      this.smooth = this.target;
      return;
    }
    if (this.target > narrow && performance.now() - this.calmSince > narrowAfter) {
      this.target = Math.max(narrow, this.target / 1.5);
      this.calmSince = performance.now();
    }
    this.smooth += (gap - this.smooth) * 0.25;
    const off = this.smooth - this.target;
    const rate = Math.abs(off) < 0.03 ? 1 : Math.min(fastest, Math.max(slowest, 1 + off * 0.8));
    if (Math.abs(video.playbackRate - rate) > 0.01) video.playbackRate = rate;
  }
}
