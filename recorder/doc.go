// Package recorder puts a stream's parts into segments: when to cut, what a gap
// is called, and what to do when the disk cannot follow.
//
// A [Recorder] is a streams.Sink for one stream. It never waits (S4): parts are
// laid out in memory by package segment and queued in the storage, which calls
// back when they are written; a part that cannot be queued ends the segment,
// not the run, and recording resumes at the next random access unit. Every part
// is released exactly once, whatever happens to it.
//
// A segment begins with a random access unit, unless none has come for more than
// a segment's length. It ends where its run or Format ends, where its time is up
// (cuts of cameras are spread over the segment length, S9), at a jump of the
// capture time, or at a fault. Consecutive
// segments of a run tile exactly: half-open, in nanoseconds. Between the end of
// the last footage and the start of the next there is always a gap with one
// reason (S6), be it of one nanosecond.
//
// It starts no goroutine. Cost per part: one CRC pass, no copy of the payload.
package recorder
