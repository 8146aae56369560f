// Command make paints the lab's clips and has ffmpeg encode them into the
// directory it is run in. The results are committed: a build needs no ffmpeg.
package main
