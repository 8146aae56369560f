package streams

import (
	"log/slog"
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
	"github.com/stockade-nvr/stockade/streams/rtsp"
)

// Options describe one stream of one camera. A change of them makes a new
// Stream after the old one has stopped.
type Options struct {
	Camera string // id of the camera
	Stream string // main or sub

	RTSP rtsp.Config // where it is; its Log is set by New

	Sink         Sink          // the recorder; nil when nothing is recorded
	PartDuration time.Duration // default 1 s
	// GOPCacheBytes bounds what a late viewer starts with (default 2 MiB;
	// negative: nothing is kept, viewers start at the next random access unit).
	GOPCacheBytes int

	// FirstDelay and MaxDelay bound the back-off between attempts to connect
	// (default 0.5 s and 15 s), AuthDelay and MaxAuthDelay that after refused
	// credentials (default 1 min and 15 min).
	FirstDelay, MaxDelay, AuthDelay, MaxAuthDelay time.Duration
	// StableAfter is how long a session must play for the back-off to start anew (default 10 s).
	StableAfter time.Duration

	// Barren is how long packets may come that make no access unit of the leading
	// track before the session ends (default: as long as a run waits for its
	// first picture, and RTSP.Silence more).
	Barren time.Duration

	Starts *Pacer // spaces connection attempts over all streams; nil: none
	// Accounts shares what cameras refused with the streams that use the same
	// credentials; nil: with none.
	Accounts *Accounts
	Log      *slog.Logger // default: none

	// clockStep replaces what the assembler says of the recorder's clock: for tests.
	clockStep func(*media.Assembler, time.Time) time.Duration
}

func (o *Options) fill() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = o.Log.With("camera", o.Camera, "stream", o.Stream)
	o.RTSP.Log = o.Log
	if o.RTSP.Transport == "" {
		o.RTSP.Transport = rtsp.TCP
	}
	if o.clockStep == nil {
		o.clockStep = (*media.Assembler).ClockStep
	}
	if o.Accounts == nil {
		o.Accounts = NewAccounts()
	}
	if o.RTSP.Silence <= 0 {
		o.RTSP.Silence = rtsp.DefaultSilence
	}
	if o.PartDuration <= 0 {
		o.PartDuration = time.Second
	}
	if o.GOPCacheBytes == 0 {
		o.GOPCacheBytes = 2 << 20
	}
	for _, d := range []struct {
		d    *time.Duration
		deft time.Duration
	}{
		{&o.FirstDelay, 500 * time.Millisecond},
		{&o.MaxDelay, 15 * time.Second},
		{&o.AuthDelay, time.Minute},
		{&o.MaxAuthDelay, 15 * time.Minute},
		{&o.StableAfter, 10 * time.Second},
		{&o.Barren, media.Patience + o.RTSP.Silence},
	} {
		if *d.d <= 0 {
			*d.d = d.deft
		}
	}
}
