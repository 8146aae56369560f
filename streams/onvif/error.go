package onvif

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/stockade-nvr/stockade/internal/pinned"
)

// Kind says why a device told nothing.
type Kind uint8

// The kinds. None of them is the recorder's fault but KindUnreachable, and that not always.
const (
	KindClosed      Kind = iota + 1 // it is there, and nothing listens on ONVIF's ports
	KindSilent                      // no answer in time
	KindUnreachable                 // no way to it: unplugged, or the recorder's own side is closed
	KindNotONVIF                    // something answers that does not speak ONVIF
	KindForeign                     // it sends whoever asks to another host (C13)
	KindEnded                       // whoever asked wants no answer any more
)

// String gives the kind's word, for the API and logs.
func (k Kind) String() string {
	switch k {
	case KindClosed:
		return "closed"
	case KindSilent:
		return "silent"
	case KindUnreachable:
		return "unreachable"
	case KindNotONVIF:
		return "not-onvif"
	case KindForeign:
		return "foreign"
	case KindEnded:
		return "ended"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// Fix says what a person can do.
func (k Kind) Fix() string {
	switch k {
	case KindClosed:
		return "switch ONVIF on in the device's own pages, if it has it; many have it off at first"
	case KindSilent, KindUnreachable:
		return "check power, cable and address; nvr firewall status says whether the camera side is up"
	case KindNotONVIF:
		return "the device may not speak ONVIF, or have it off; look in its own pages"
	case KindForeign:
		return "nothing was sent there; set the address in the device's own pages to its own, and reset it if it comes back"
	case KindEnded:
	}
	return ""
}

// Error is why a device told nothing.
type Error struct {
	Kind    Kind
	Device  netip.Addr
	Foreign []Foreign // what it named nevertheless
	Err     error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("device at %s: %v", e.Device, e.Err)
	if fix := e.Kind.Fix(); fix != "" {
		text += "; " + fix
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// errNotONVIF says that an answer is none of ONVIF's.
var errNotONVIF = errors.New("it does not answer as ONVIF does")

// errRefused says that the device takes no account that was offered, or that there is none.
var errRefused = errors.New("not authorised")

// redirected is an answer that sends elsewhere.
type redirected struct {
	to   string // without any account in it
	at   place  // where it leads to on the device, if it is its own
	host string
	own  bool
}

func (r redirected) Error() string {
	return fmt.Sprintf("it redirects to %q, which is not followed", r.to)
}

// kindOf is the one place that decides what an error of a first question means.
func kindOf(err error) Kind {
	var n net.Error
	var elsewhere redirected
	switch {
	case errors.Is(err, context.Canceled):
		return KindEnded
	case errors.As(err, &elsewhere) && !elsewhere.own, errors.Is(err, pinned.ErrForeign):
		return KindForeign
	case errors.Is(err, syscall.ECONNREFUSED):
		return KindClosed
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ENODEV),
		errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return KindUnreachable
	case errors.As(err, &n) && n.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return KindSilent
	default:
		return KindNotONVIF
	}
}
