package media

import "time"

// TrackStats counts what a track's packets became.
type TrackStats struct {
	Packets uint64 // received
	Bytes   uint64 // of payload
	Lost    uint64 // packets missing
	Dropped uint64 // packets that came twice or too late
	Units   uint64 // access units delivered
	Damaged uint64 // access units discarded because packets were missing or malformed
	Skipped uint64 // access units before the first random access unit, or without parameter sets
	Jumps   uint64 // timestamps that did not follow

	// CameraClock is the camera's clock minus the recorder's, by the latest sender
	// report; HasCameraClock tells whether there was one.
	CameraClock    time.Duration
	HasCameraClock bool
}

// Stats counts since the run began.
type Stats struct {
	Tracks []TrackStats
}

// Stats gives a copy of the counters. Like all calls it belongs to the
// assembler's goroutine.
func (a *Assembler) Stats() Stats {
	s := Stats{Tracks: make([]TrackStats, len(a.tracks))}
	for i := range a.tracks {
		s.Tracks[i] = a.tracks[i].stats
	}
	return s
}

// Report takes an RTCP sender report: the camera's clock at an RTP time. It
// dates no footage, since the camera's clock is not ours to trust; it tells
// how wrong that clock is.
func (a *Assembler) Report(track int, _ RTPTime, ntp, arrival time.Time) {
	if track < 0 || track >= len(a.tracks) {
		return
	}
	s := &a.tracks[track].stats
	s.CameraClock, s.HasCameraClock = ntp.Sub(arrival.Round(0)), true
}
