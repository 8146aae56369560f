package recorder

import (
	"time"

	"github.com/stockade-nvr/stockade/storage"
)

// Status is how the recording of one stream goes.
type Status struct {
	Recording bool
	Since     time.Time      // recording, or not, without interruption since
	Until     time.Time      // capture time reached
	Reason    storage.Reason // why it does not record
	Detail    string

	SegmentStart time.Time // of the segment being written, or written last
	SegmentBytes int64     // handed to the storage for it so far

	Segments int64 // sealed since start
	Parts    int64 // recorded since start
	Dropped  int64 // parts not recorded: no random access unit yet, or refused by the storage
	Lost     int64 // RTP packets missing in what was recorded
	Damaged  int64 // access units discarded in what was recorded

	LastError   string
	LastErrorAt time.Time
}

// Status may be called from any goroutine.
func (r *Recorder) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

func (r *Recorder) update(change func(*Status)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.status)
}
