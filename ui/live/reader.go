package live

import (
	"context"

	"github.com/stockade-nvr/stockade/streams"
)

// Reader is one viewer's view of a stream; *streams.Reader is one. It starts
// with the GOP cache, and with a Down event when the stream is down.
type Reader interface {
	// Next waits for the next event. It returns ctx's error when ctx ends and
	// io.EOF when the stream is no longer configured.
	Next(ctx context.Context) (streams.Event, error)
	// Close ends the subscription.
	Close()
}
