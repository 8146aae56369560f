package rtsp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/base"

	"github.com/stockade-nvr/stockade/internal/pinned"
)

// Transport is how the packets of a session travel.
type Transport string

// The transports that a session may use.
const (
	TCP       Transport = "tcp" // interleaved with RTSP on one connection: the default
	UDP       Transport = "udp"
	Multicast Transport = "multicast" // not supported yet: Open says so
)

// Config says which stream of which camera to play, and within which limits.
type Config struct {
	// URL is rtsp://host[:port]/path, without credentials. Its host must be
	// Pinned or a name for it: the name is sent to the camera and never resolved.
	URL string
	// Username and Password answer the camera's challenge; they are sent to Pinned only.
	Username, Password string
	Transport          Transport // default TCP
	// Pinned is the only address that the session speaks to.
	Pinned netip.Addr

	// Device is the interface that sockets are bound to; empty for none.
	Device string

	// Dial replaces the pinned dialer. The connection's RemoteAddr must be a
	// *net.TCPAddr with the pinned address.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	Timeout time.Duration // for each answer of the camera (default 10 s, whole seconds)
	Opening time.Duration // from the dial to the answer to DESCRIBE and SETUP (default 20 s)
	// Silence is how long a playing session may go without an RTP packet
	// before it ends (default DefaultSilence). Sender reports do not count.
	Silence time.Duration

	// Plain leaves demultiplexing over TCP to gortsplib: for comparison.
	Plain bool

	Log *slog.Logger // default: none
}

// DefaultSilence is Config.Silence where none is given.
const DefaultSilence = 5 * time.Second

// maxRedirects bounds how often a camera may send the session from one of its
// own URLs to another.
const maxRedirects = 3

func (c *Config) fill() {
	if c.Transport == "" {
		c.Transport = TCP
	}
	if c.Dial == nil {
		c.Dial = c.peer().DialContext
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Opening <= 0 {
		c.Opening = 2 * c.Timeout
	}
	if c.Silence <= 0 {
		c.Silence = DefaultSilence
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Pinned = c.Pinned.Unmap()
}

// peer makes all sockets of the session (C13).
func (c *Config) peer() pinned.Peer { return pinned.Peer{Address: c.Pinned, Device: c.Device} }

// parse gives the URL with credentials, as gortsplib takes them, and the
// address to dial.
func (c *Config) parse() (*base.URL, netip.AddrPort, error) {
	if !c.Pinned.IsValid() {
		return nil, netip.AddrPort{}, errors.New("no pinned address")
	}
	u, err := base.ParseURL(c.URL)
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("parse the stream's URL: %w", err)
	}
	switch {
	case u.Scheme != "rtsp":
		return nil, netip.AddrPort{}, fmt.Errorf("%s is not supported yet: use an rtsp:// URL", u.Scheme)
	case u.User != nil:
		return nil, netip.AddrPort{}, errors.New("the stream's URL holds credentials: give them as username and password")
	case c.Transport == Multicast:
		return nil, netip.AddrPort{}, errors.New("transport multicast is not supported yet: use tcp or udp")
	case c.Transport != TCP && c.Transport != UDP:
		return nil, netip.AddrPort{}, fmt.Errorf("unknown transport %q: use tcp or udp", c.Transport)
	case !c.ours(u.Hostname(), u.Hostname()):
		return nil, netip.AddrPort{}, fmt.Errorf("the stream's URL names %s, but the camera is pinned to %s", u.Hostname(), c.Pinned)
	}
	port := uint64(554)
	if p := u.Port(); p != "" {
		if port, err = strconv.ParseUint(p, 10, 16); err != nil || port == 0 {
			return nil, netip.AddrPort{}, fmt.Errorf("port %s of the stream's URL is not a port", p)
		}
	}
	if c.Username != "" || c.Password != "" {
		u.User = url.UserPassword(c.Username, c.Password)
	}
	return u, netip.AddrPortFrom(c.Pinned, uint16(port)), nil
}

// ours reports whether a host that the camera gave is the camera itself: its
// pinned address, the name that the site file gives it, or no address at all
// (0.0.0.0, which careless firmware writes).
func (c *Config) ours(host, configured string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap().WithZone("")
		return ip == c.Pinned.WithZone("") || ip.IsUnspecified()
	}
	return host == configured
}
