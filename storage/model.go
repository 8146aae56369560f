package storage

import (
	"io"
	"time"
)

// SegmentMeta says what a new segment is.
type SegmentMeta struct {
	Camera string
	Stream string // main or sub
	Run    string // 8 hexadecimal digits
	Start  time.Time
}

// Segment is one file of footage as the index knows it.
type Segment struct {
	SegmentMeta
	End    time.Time // half-open: capture time of what follows its last sample
	Volume string    // the volume's identity
	Path   string    // relative to the volume: CAMERA/STREAM/2026-11-23/14/START-RUN.mp4
	Bytes  int64     // durable length
	State  SegmentState
	SHA256 [32]byte // zero until sealed or re-computed after a crash
}

// SegmentState tells how complete a segment is.
type SegmentState uint8

// The states of a segment.
const (
	Open      SegmentState = iota + 1 // growing
	Sealed                            // complete, hashed, with its part table
	Recovered                         // cut at its last good part after a crash; no part table
)

// Reason says why there is no footage.
type Reason string

// The reasons of a gap (S6): one each.
const (
	ReasonCameraOffline Reason = "camera-offline"
	ReasonAuth          Reason = "auth"
	ReasonNetworkLoss   Reason = "network-loss"
	ReasonNoTracks      Reason = "no-usable-tracks"
	ReasonProtocol      Reason = "protocol"
	ReasonForeign       Reason = "foreign-address"
	ReasonDiskFull      Reason = "disk-full"
	ReasonDiskError     Reason = "disk-error"
	ReasonOverload      Reason = "overload"
	ReasonRecorderDown  Reason = "recorder-down"
	ReasonClockStep     Reason = "clock-step"
	ReasonDeleted       Reason = "deleted" // by hand; what retention takes from the old end is no gap
	// ReasonNotScheduled is time that nobody asked to be recorded, such as after
	// a stream was taken out of the site file. Set like a gap, but Gaps leaves it out.
	ReasonNotScheduled Reason = "not-scheduled"
)

// Gap is a stretch of scheduled time without footage: half-open, [From, To).
// A gap that is still open has a zero To.
type Gap struct {
	Camera string
	Stream string
	From   time.Time
	To     time.Time
	Reason Reason
	Detail string
}

// Append is one write to a segment: one part of footage.
type Append struct {
	Buffers [][]byte // written in order with one pwritev; not changed until Done
	Start   time.Time
	End     time.Time // capture time reached with it
	Done    func()    // called once, also after an error, when Buffers are free again
}

// Probe reads a segment's file from an offset known to be the border of a part
// (0 is the beginning of the file) and says how far it is good. Good is the
// offset behind the last part with a right checksum; End is the capture time
// reached there (zero if no part follows the offset); Sealed tells that the
// trailer is there.
type Probe func(f io.ReaderAt, size, from int64) (ProbeResult, error)

// ProbeResult is what a Probe found.
type ProbeResult struct {
	Good   int64
	Start  time.Time // of the first good part, if any was read
	End    time.Time
	Parts  int // parts read
	Sealed bool
}
