package cert

import (
	"container/list"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	// patience is how long a client may take for its handshake, or for a plain
	// request and its answer.
	patience = 10 * time.Second
	// maxPending is how many may be at it at once.
	maxPending = 256
	// tellEvery is how often the log says at most that some were cut off.
	tellEvery = time.Minute
)

// Listener speaks TLS, and answers plain HTTP on the same port by sending the
// browser to HTTPS. It is made by Listen.
type Listener struct {
	inner  net.Listener
	config *tls.Config
	hosts  func(host string) bool
	log    *slog.Logger

	ready chan accepted // unbuffered: who is not fetched waits with a slot
	done  chan struct{} // closed by Close
	once  sync.Once
	tasks sync.WaitGroup

	mu      sync.Mutex // guards what follows
	pending *list.List // of net.Conn, the oldest first: handshakes and plain requests
	evicted uint64
	told    time.Time // of evictions, in the log
	closed  bool
}

// accepted is what Accept gives.
type accepted struct {
	conn *tls.Conn
	err  error
}

// Listen takes connections from inner. Accept gives each as a *tls.Conn whose
// handshake is done. Plain HTTP gets 308 to https:// and the same host, if hosts
// says yes to it (the Host header as sent, port and all; nil: to all) and it
// carried no secret.
//
// Who takes longer than 10 s is cut off. At most 256 are served before their
// handshake is done; one more, and the one that has taken longest is cut off: so
// idle connections in any number keep nobody out. The log says how many were. Close closes
// inner and everything that Accept has not given, and waits for it.
func Listen(inner net.Listener, config *tls.Config, hosts func(host string) bool, log *slog.Logger) *Listener {
	l := &Listener{
		inner: inner, config: config, hosts: hosts, log: log,
		ready: make(chan accepted), done: make(chan struct{}), pending: list.New(),
	}
	l.tasks.Go(l.accept)
	return l
}

// Addr is the address of the inner listener.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Accept waits for a connection whose handshake is done.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.ready:
		if a.err != nil {
			return nil, a.err
		}
		return a.conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends the listener.
func (l *Listener) Close() error {
	var err error
	l.once.Do(func() {
		close(l.done)
		err = l.inner.Close()
		l.mu.Lock()
		l.closed = true
		for e := l.pending.Front(); e != nil; e = e.Next() {
			_ = e.Value.(net.Conn).Close() // it was never used
		}
		l.mu.Unlock()
	})
	l.tasks.Wait()
	return err
}

// accept takes connections until the listener is closed. An error goes to the
// caller of Accept, who decides how long to wait before the next.
func (l *Listener) accept() {
	for {
		conn, err := l.inner.Accept()
		if err != nil {
			select {
			case l.ready <- accepted{err: err}:
				continue
			case <-l.done:
				return
			}
		}
		slot := l.enter(conn)
		if slot == nil {
			_ = conn.Close() // closed meanwhile
			return
		}
		l.tasks.Go(func() { l.greet(conn, slot) })
	}
}

// enter notes a connection as pending, at the cost of the oldest if need be.
func (l *Listener) enter(conn net.Conn) *list.Element {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	if l.pending.Len() >= maxPending {
		oldest := l.pending.Front()
		l.pending.Remove(oldest)
		_ = oldest.Value.(net.Conn).Close() // whatever it had to say, it did not
		l.evicted++
		if now := time.Now(); now.Sub(l.told) >= tellEvery {
			l.told = now
			l.log.Warn("too many handshakes at once: the slowest were cut off", "closed", l.evicted)
		}
	}
	return l.pending.PushBack(conn)
}

func (l *Listener) leave(slot *list.Element) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending.Remove(slot) // does nothing when it was evicted
}

// greet does the handshake of one connection, or answers its plain request.
func (l *Listener) greet(conn net.Conn, slot *list.Element) {
	defer l.leave(slot)
	// A deadline that cannot be set belongs to a connection that is gone already.
	_ = conn.SetDeadline(time.Now().Add(patience))
	first := make([]byte, 1)
	if _, err := conn.Read(first); err != nil {
		_ = conn.Close()
		return
	}
	begun := &begunConn{Conn: conn, first: first}
	if 'A' <= first[0] && first[0] <= 'Z' { // of a method; a TLS record begins with 22
		answerPlain(begun, l.hosts)
		_ = conn.Close()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	secured := tls.Server(begun, l.config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // a client that does not trust us, or is none: nobody to tell
		return
	}
	_ = conn.SetDeadline(time.Time{})
	select {
	case l.ready <- accepted{conn: secured}:
	case <-l.done:
		_ = conn.Close()
	}
}

// begunConn is a connection of which something was read already.
type begunConn struct {
	net.Conn
	first []byte // used by one reader, as Read of a connection is
}

func (c *begunConn) Read(b []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}
