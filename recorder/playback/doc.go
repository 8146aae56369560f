// Package playback makes recorded footage readable again: a stretch of time of a
// stream becomes one MP4 that exists nowhere as a file (ISO/IEC 14496-12).
//
//	ftyp moov   of the first segment, as it was written
//	sidx        of each track, one reference per random access part
//	{ moof mdat } a random access part and those that follow it, as one
//
// A [Movie] copies nothing beforehand. Its length follows from the part tables;
// moofs and payload are read when they are asked for, and no sample is changed.
// Media time begins at 0 and runs
// on where footage is missing, audio and video shifted alike; [Movie.Pieces]
// leads back to wall time.
//
// What is damaged is left out and named by [Movie.Skipped]; footage before and
// after it plays. The segments of a movie are pinned against deletion until it is
// closed.
//
// Costs: opening reads each segment's head and part table (three reads), one or
// two moofs for each stretch without a hole, and keeps 24 bytes per part: an hour
// of five-minute segments is about 50 reads. A Player and the ReadAt of a Movie
// may be used by many goroutines; Read and Seek by one.
package playback
