package tunnel

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// browserSilent ends a request that does not come, or an answer that is not taken,
// however long it is.
const browserSilent = time.Minute

const (
	uploadFrom = 64 << 10 // bytes from which a body is told of by itself: firmware, settings
	maxUploads = 50       // of a tunnel
)

// counted is a request's body on its way to the device.
type counted struct {
	io.ReadCloser
	control *http.ResponseController
	silent  time.Duration
	n       *atomic.Uint64

	mu   sync.Mutex // guards what follows: a device may answer while it is still sent
	own  int64
	hash hash.Hash // nil: not wanted
}

// sum has the body's SHA-256 taken.
func (c *counted) sum() { c.hash = sha256.New() }

// so gives what was sent so far.
func (c *counted) so() (n int64, sum string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.own, hex.EncodeToString(c.hash.Sum(nil))
}

func (c *counted) Read(b []byte) (int, error) {
	// An error is of a connection that is gone, which reading tells. HTTP/2 ends a
	// stream whose deadline passes while nobody reads: the device's time is its own.
	_ = c.control.SetReadDeadline(time.Now().Add(c.silent))
	n, err := c.ReadCloser.Read(b)
	_ = c.control.SetReadDeadline(time.Time{})
	c.n.Add(uint64(n))
	c.mu.Lock()
	c.own += int64(n)
	if c.hash != nil {
		c.hash.Write(b[:n])
	}
	c.mu.Unlock()
	return n, err
}

// uploaded tells of a body that is long enough to be firmware. It has been sent,
// or as much of it as the device took.
func (t *tunnel) uploaded(r *http.Request, body *counted) {
	n, sum := body.so()
	if n < uploadFrom {
		return
	}
	t.mu.Lock()
	t.uploads++
	told := t.uploads <= maxUploads
	t.mu.Unlock()
	if told {
		t.opening.Changed(Change{Method: r.Method, Path: pathOf(r), Bytes: n, SHA256: sum})
	}
}

// measured is an answer on its way to the browser.
type measured struct {
	http.ResponseWriter
	control *http.ResponseController
	silent  time.Duration
	n       *atomic.Uint64
	policy  string
}

// WriteHeader leaves out what comes before an answer: early hints are links that a
// browser follows (RFC 8297), and no policy has come yet. The proxy clears all
// headers after one, so those that protect the browser are set here, at the last.
func (m *measured) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols {
		return
	}
	strict(m.Header())
	m.Header().Set("Content-Security-Policy", m.policy)
	m.ResponseWriter.WriteHeader(status)
}

// Write waits for the browser as long as Read does, and not for the device: one
// that flashes itself may be silent for minutes in the middle of its answer.
func (m *measured) Write(b []byte) (int, error) {
	_ = m.control.SetWriteDeadline(time.Now().Add(m.silent))
	n, err := m.ResponseWriter.Write(b)
	_ = m.control.SetWriteDeadline(time.Time{})
	m.n.Add(uint64(n))
	return n, err
}

// FlushError is the same for what has been written: the proxy flushes each time.
func (m *measured) FlushError() error {
	_ = m.control.SetWriteDeadline(time.Now().Add(m.silent))
	defer func() { _ = m.control.SetWriteDeadline(time.Time{}) }()
	return m.control.Flush()
}

// Unwrap lets a WebSocket take the connection over.
func (m *measured) Unwrap() http.ResponseWriter { return m.ResponseWriter }
