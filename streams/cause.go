package streams

import (
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
)

// Cause says why a stream is not delivering.
type Cause string

// The causes that a supervisor tells apart; the recorder turns them into gap reasons.
const (
	CauseStarting    Cause = "starting"       // not tried yet
	CauseOffline     Cause = "camera-offline" // no route, refused connection, timeout
	CauseAuth        Cause = "auth"           // the camera refused the credentials
	CauseNetworkLoss Cause = "network-loss"   // a running session broke or froze
	CauseNoTracks    Cause = "no-usable-tracks"
	CauseProtocol    Cause = "protocol"   // what the camera said is not RTSP, SDP or RTP
	CauseForeign     Cause = "foreign"    // it pointed us to an address that is not its own (C13)
	CauseClockStep   Cause = "clock-step" // the recorder's clock was set: a new run takes the new time (S7)
	CauseStopped     Cause = "stopped"    // we ended it: configuration or shutdown
)

// Sink is what a stream feeds besides its viewers: the recorder. All calls come
// from one goroutine at a time, in order, and must not block.
type Sink interface {
	// Part hands over a part, which the sink must release.
	Part(*media.Part)
	// Down says that no footage has come since the given instant (capture time of
	// the end of the last part, or when the stream was started), and why. It is
	// called again when the cause changes. The next Part ends it.
	Down(since time.Time, cause Cause, detail string)
}
