package storage

import "time"

// VolumeState tells whether a volume takes footage.
type VolumeState uint8

// The states of a volume.
const (
	VolumeOK      VolumeState = iota + 1
	VolumeFull                // a write found no space; used again once there is some
	VolumeError               // failing, read-only, or not the volume that it should be
	VolumeMissing             // not mounted
)

// String gives the state in one word.
func (s VolumeState) String() string {
	switch s {
	case VolumeOK:
		return "ok"
	case VolumeFull:
		return "full"
	case VolumeError:
		return "error"
	case VolumeMissing:
		return "missing"
	default:
		return "unknown"
	}
}

// Status is what the store is doing.
type Status struct {
	Volumes    []VolumeStatus
	Rebuilding bool   // the index is being rebuilt from the ledgers: listings are not complete
	NoDeletion string // why nothing at all is deleted; empty when it may be
	HoldsError string // why holds cannot be read; then NoDeletion says the same
	Suspended  string // why nothing is deleted by age, and no hold expires; empty when that works (S7)
	// Unread are the cameras of which something on a volume cannot be read, each
	// with the volume and the cause; nothing of them is deleted.
	Unread []string
	// KeptWhole are the cameras of which nothing is deleted, because a ledger is
	// damaged or states what this version does not know.
	KeptWhole   []string
	GapsDropped int64  // gaps that the index has and no ledger, because no volume worked for long
	IndexLost   string // why the index is one for this run only: its directory takes none
	IndexError  string // the last index write failed so; rows wait in memory and in the ledgers
}

// VolumeStatus is the state and the figures of one volume.
type VolumeStatus struct {
	ID    string
	Path  string
	State VolumeState
	Error string // the cause when the state is not ok

	BytesFree  int64
	BytesTotal int64
	Reserve    int64
	DaysLeft   float64 // until the reserve is reached at the present rate; 0 if not known

	OpenSegments   int
	QueueBytes     int64 // waiting to be written
	QueueHighWater int64 // most bytes that ever waited
	Overloads      int64 // appends refused because the budget was used up
	BytesWritten   int64 // since start
	Writes         int64 // pwritev calls since start

	WriteLatency    time.Duration // mean of the last writes
	WriteLatencyMax time.Duration // since start

	Commits        int64
	LastCommit     time.Time
	CommitTime     time.Duration // of the last commit, sync and checkpoint
	CommitTimeMax  time.Duration
	CommitInterval time.Duration // between the starts of the last two commits
	CommitErrors   int64

	Deleted      int64 // segments deleted by retention since start
	DeletedBytes int64
}

// StreamSummary is what is kept of one stream.
type StreamSummary struct {
	Camera   string
	Stream   string
	First    time.Time // start of the oldest footage; zero if none
	Last     time.Time // durable end of the newest footage
	Segments int64
	Bytes    int64
}
