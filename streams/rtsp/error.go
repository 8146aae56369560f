package rtsp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
)

// Kind says what sort of thing ended a session, or kept it from beginning.
type Kind uint8

// The kinds that a supervisor tells apart.
const (
	KindOffline     Kind = iota + 1 // no route, refused connection, no answer
	KindAuth                        // the credentials were refused
	KindForbidden                   // the credentials were taken, but not for this stream
	KindNetworkLoss                 // a playing session broke or froze
	KindNoTracks                    // nothing in the SDP that can be recorded
	KindProtocol                    // what the camera said is not what RTSP, SDP or RTP allow, or it refuses the request
	KindForeign                     // the camera pointed us to an address that is not its own (C13)
	KindConfig                      // Config cannot work
	KindClosed                      // we ended it
)

// String gives the kind's name, for logs.
func (k Kind) String() string {
	switch k {
	case KindOffline:
		return "offline"
	case KindAuth:
		return "auth"
	case KindForbidden:
		return "forbidden"
	case KindNetworkLoss:
		return "network-loss"
	case KindNoTracks:
		return "no-tracks"
	case KindProtocol:
		return "protocol"
	case KindForeign:
		return "foreign"
	case KindConfig:
		return "config"
	case KindClosed:
		return "closed"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// Error is how every session ends. Its text names the camera's address, what
// happened, and what to do about it.
type Error struct {
	Kind   Kind
	Camera netip.AddrPort
	Fix    string // what a person can do; may be empty
	Err    error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("camera at %s: %v", e.Camera, e.Err)
	if e.Fix != "" {
		text += "; " + e.Fix
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// errClosed is why a session ends that Close ended, or the context of Open.
var errClosed = errors.New("closed by the recorder")

// finding is an error of our own that already knows its kind.
type finding struct {
	kind Kind
	fix  string
	err  error
}

func (f *finding) Error() string { return f.err.Error() }
func (f *finding) Unwrap() error { return f.err }

func find(k Kind, fix, format string, args ...any) *finding {
	return &finding{kind: k, fix: fix, err: fmt.Errorf(format, args...)}
}

// phase is how far a session has come: the same broken connection means
// offline before PLAY and network loss after it.
type phase int32

const (
	phaseConnecting    phase = iota
	phaseAuthenticated       // the camera took the credentials
	phasePlaying
)

// classify is the one place that decides what an error means.
func classify(err error, camera netip.AddrPort, at phase) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	kind, fix := KindOffline, ""
	var f *finding
	var status liberrors.ErrClientBadStatusCode
	switch {
	case errors.As(err, &f):
		kind, fix = f.kind, f.fix
	case errors.Is(err, errClosed), errors.Is(err, context.Canceled), errors.As(err, new(liberrors.ErrClientTerminated)):
		kind = KindClosed
	case errors.As(err, &status):
		kind, fix = classifyStatus(status.Code, at)
	case errors.As(err, new(liberrors.ErrClientAuthSetup)):
		kind, fix = KindAuth, "the camera asks for credentials in a way that is not supported: enable digest authentication on it"
	case errors.As(err, new(liberrors.ErrClientUnhandledMethod)):
		kind, fix = KindProtocol, "the camera sent a request that no recorder answers"
	case isProtocol(err):
		kind, fix = KindProtocol, "the camera may not speak RTSP on this port"
	case at == phasePlaying:
		kind, fix = KindNetworkLoss, "the session is opened again"
	default:
		fix = connectFix(err)
	}
	return &Error{Kind: kind, Camera: camera, Fix: fix, Err: err}
}

func classifyStatus(code base.StatusCode, at phase) (Kind, string) {
	switch code {
	case base.StatusUnauthorized:
		if at >= phaseAuthenticated {
			return KindNetworkLoss, "the camera no longer takes the nonce it gave; the session is opened again"
		}
		return KindAuth, "check the device's username and password_file"
	case base.StatusForbidden:
		return KindForbidden, "the account may not view this stream: give it that right on the camera"
	case base.StatusNotFound:
		return KindProtocol, "check the stream's path: the camera knows no such stream"
	case base.StatusNotEnoughBandwidth, base.StatusServiceUnavailable:
		return KindProtocol, "the camera serves as many sessions as it can: close other viewers of it"
	case base.StatusUnsupportedTransport:
		return KindProtocol, "the camera refuses this transport: try tcp or udp"
	default:
		return KindProtocol, "check the stream's path and the camera's RTSP settings"
	}
}

// isProtocol reports whether gortsplib understood bytes and found them wrong.
func isProtocol(err error) bool {
	for _, target := range []any{
		new(liberrors.ErrClientSDPInvalid), new(liberrors.ErrClientContentTypeMissing),
		new(liberrors.ErrClientContentTypeUnsupported), new(liberrors.ErrClientSessionHeaderInvalid),
		new(liberrors.ErrClientTransportHeaderInvalid), new(liberrors.ErrClientTransportHeaderInvalidDelivery),
		new(liberrors.ErrClientTransportHeaderNoInterleavedIDs), new(liberrors.ErrClientTransportHeaderInvalidInterleavedIDs),
		new(liberrors.ErrClientTransportHeaderInterleavedIDsInUse), new(liberrors.ErrClientServerPortsNotProvided),
		new(liberrors.ErrClientServerRequestedTCP), new(liberrors.ErrClientServerRequestedUDP),
		new(liberrors.ErrClientUnexpectedFrame),
	} {
		if errors.As(err, target) {
			return true
		}
	}
	return false
}

func connectFix(err error) string {
	var n net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check the port, and that RTSP is enabled on the camera"
	case errors.Is(err, syscall.ENODEV):
		return "the bridge of the camera side is missing: nvr firewall status says why"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no answer on the network: check power and cable"
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return "the recorder's own firewall refuses it: check that the device is listed in the site file"
	case errors.As(err, &n) && n.Timeout(), errors.As(err, new(liberrors.ErrClientRequestTimedOut)):
		return "it did not answer in time: check power, cable and address"
	default:
		return "check power, cable and address"
	}
}
