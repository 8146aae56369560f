package recorder

import (
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams"
)

// reasonOf names the gap that a stream's cause leaves. What is our own doing,
// not yet started or stopped, is recorder-down.
func reasonOf(c streams.Cause) storage.Reason {
	switch c {
	case streams.CauseOffline:
		return storage.ReasonCameraOffline
	case streams.CauseAuth:
		return storage.ReasonAuth
	case streams.CauseNetworkLoss:
		return storage.ReasonNetworkLoss
	case streams.CauseNoTracks:
		return storage.ReasonNoTracks
	case streams.CauseProtocol:
		return storage.ReasonProtocol
	case streams.CauseForeign:
		return storage.ReasonForeign
	case streams.CauseClockStep:
		return storage.ReasonClockStep
	case streams.CauseStarting, streams.CauseStopped:
		return storage.ReasonRecorderDown
	default:
		return storage.ReasonRecorderDown
	}
}
