package streams

import (
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
)

// SetClockStep makes a stream believe that the recorder's clock was set.
func (o *Options) SetClockStep(f func() time.Duration) {
	o.clockStep = func(*media.Assembler, time.Time) time.Duration { return f() }
}
