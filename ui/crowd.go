package ui

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what is connected at once by TCP. A browser holds one connection for
// each live picture, and some for the rest.
const (
	maxConnections = 1024
	maxOfSource    = 256              // an IPv4 address, or an IPv6 /64
	quietFor       = 15 * time.Second // then a connection may go: events and live pictures say something within 5 s
	tellCrowdEvery = time.Minute      // at most, in the log
)

// crowd is a listener that bounds the connections which it has given and which
// are still open, in total and from each source.
//
// When a source has all it may, one more takes the place of its connection that
// has been quiet longest, if that is 15 s, and else is closed. When all places
// are taken the source with the most gives up its quietest to one with fewer: so
// no number of connections from one place keeps another out. All that is closed
// so is counted, and the log says how many.
type crowd struct {
	net.Listener
	log   *slog.Logger
	max   int
	each  int // 0: no bound, for loopback is one source
	began time.Time

	mu     sync.Mutex // guards what follows
	open   map[*crowdConn]struct{}
	of     map[netip.Prefix]int
	closed uint64 // for want of a place
	told   time.Time
}

func newCrowd(ln net.Listener, log *slog.Logger, most, each int) *crowd {
	return &crowd{
		Listener: ln, log: log, max: most, each: each, began: time.Now(),
		open: map[*crowdConn]struct{}{}, of: map[netip.Prefix]int{},
	}
}

// Accept waits for a connection that there is a place for.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if in := c.enter(conn); in != nil {
			return in, nil
		}
		_ = conn.Close() // it was never used
	}
}

// enter gives a connection a place, another's if need be; nil when there is none.
func (c *crowd) enter(conn net.Conn) *crowdConn {
	in := &crowdConn{Conn: conn, crowd: c, source: sourceOf(conn.RemoteAddr())}
	in.stir()
	c.mu.Lock()
	victim, ok := c.room(in.source)
	if ok {
		c.open[in] = struct{}{}
		c.of[in.source]++
	}
	if victim != nil {
		c.forget(victim)
	}
	if victim != nil || !ok {
		c.closed++
		c.tell()
	}
	c.mu.Unlock()
	if victim != nil {
		_ = victim.Conn.Close() // whoever it was has been quiet, or had the most
	}
	if !ok {
		return nil
	}
	return in
}

// room finds a place for one more from a source: a free one, or that of victim.
func (c *crowd) room(source netip.Prefix) (victim *crowdConn, ok bool) {
	if c.each > 0 && c.of[source] >= c.each {
		victim, quiet := c.quietest(func(p netip.Prefix) bool { return p == source })
		return only(victim, quiet >= quietFor)
	}
	if len(c.open) < c.max {
		return nil, true
	}
	most := 0
	for _, n := range c.of {
		most = max(most, n)
	}
	fair := most > c.of[source]+1
	victim, quiet := c.quietest(func(p netip.Prefix) bool { return !fair || c.of[p] == most })
	return only(victim, fair || quiet >= quietFor)
}

func only(victim *crowdConn, ok bool) (*crowdConn, bool) {
	if !ok {
		return nil, false
	}
	return victim, true
}

// quietest gives the connection that has been quiet longest, of some sources.
func (c *crowd) quietest(among func(netip.Prefix) bool) (found *crowdConn, quiet time.Duration) {
	now := time.Since(c.began)
	for in := range c.open {
		if q := now - time.Duration(in.stirred.Load()); among(in.source) && (found == nil || q > quiet) {
			found, quiet = in, q
		}
	}
	return found, quiet
}

// forget takes a connection's place away, once.
func (c *crowd) forget(in *crowdConn) {
	if _, had := c.open[in]; !had {
		return
	}
	delete(c.open, in)
	if c.of[in.source]--; c.of[in.source] == 0 {
		delete(c.of, in.source)
	}
}

func (c *crowd) tell() {
	if now := time.Now(); now.Sub(c.told) >= tellCrowdEvery {
		c.told = now
		c.log.Warn("too many connections: some were closed", "open", len(c.open), "closed", c.closed)
	}
}

// crowdConn is a connection that has a place.
type crowdConn struct {
	net.Conn
	crowd   *crowd
	source  netip.Prefix
	stirred atomic.Int64 // when something last went over it, since crowd.began
}

func (in *crowdConn) stir() { in.stirred.Store(int64(time.Since(in.crowd.began))) }

func (in *crowdConn) Read(b []byte) (int, error) {
	n, err := in.Conn.Read(b)
	if n > 0 {
		in.stir()
	}
	return n, err
}

func (in *crowdConn) Write(b []byte) (int, error) {
	n, err := in.Conn.Write(b)
	if n > 0 {
		in.stir()
	}
	return n, err
}

// Close ends the connection and gives its place back.
func (in *crowdConn) Close() error {
	in.crowd.mu.Lock()
	in.crowd.forget(in)
	in.crowd.mu.Unlock()
	return in.Conn.Close()
}

// CloseWrite is what net/http says good-bye with.
func (in *crowdConn) CloseWrite() error {
	if half, ok := in.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// sourceOf gives what counts as one source.
func sourceOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
