// Package clips holds the lab's pre-encoded pictures and sound: loops of 8 s of
// scenes that the make command paints. Main pictures are 1280 by 720 at 15
// frames a second, sub pictures 640 by 360 at 10, GOPs of 2 s, no B-frames; the
// sound is AAC-LC at 16 kHz, mono. Each picture carries the block that package
// block reads.
package clips
