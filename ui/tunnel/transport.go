package tunnel

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const (
	tryFor       = 8 * time.Second
	dialFor      = 10 * time.Second
	maxHeader    = 64 << 10 // of an answer
	maxConns     = 8        // to the device at once: a camera has few places
	deviceSilent = 10 * time.Minute
	deviceStuck  = time.Minute
)

// errCertificate says that the device changed its certificate within a tunnel.
var errCertificate = errors.New("the device showed another certificate than when the tunnel was opened")

// transport speaks HTTP/1 to the device and to nothing else (C13): its dialer
// refuses every other address, it asks no proxy, and follows nothing.
func (t *tunnel) transport() *http.Transport {
	return &http.Transport{
		DialContext:            t.dial,
		TLSClientConfig:        t.tlsConfig(),
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2: few cameras speak it, and WebSockets then need it off
		TLSHandshakeTimeout:    dialFor,
		MaxConnsPerHost:        maxConns,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// dial connects to the device, whatever address the transport has of it.
func (t *tunnel) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialFor)
	defer cancel()
	c, err := t.opening.Peer.DialContext(ctx, network, netip.AddrPortFrom(t.opening.Peer.Address, t.opening.Port).String())
	if err != nil {
		return nil, err
	}
	return &patientConn{c}, nil
}

// tlsConfig verifies nothing, since no authority vouches for an address on a
// camera network: the certificate is the device's own. It holds to the first one.
func (t *tunnel) tlsConfig() *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true,             // the fingerprint is shown, kept, and compared
		MinVersion:         tls.VersionTLS10, // of devices that will not get any newer
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return errors.New("the device showed no certificate")
			}
			sum := sha256.Sum256(s.PeerCertificates[0].Raw)
			seen := hex.EncodeToString(sum[:])
			t.mu.Lock()
			defer t.mu.Unlock()
			if t.fingerprint == "" {
				t.fingerprint = seen
			}
			if t.fingerprint != seen {
				return fmt.Errorf("%w: SHA-256 %s", errCertificate, seen)
			}
			return nil
		},
	}
}

// try connects once, so that who opens a tunnel learns at once that nobody answers.
func (t *tunnel) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	c, err := t.dial(ctx, "tcp", "")
	if err != nil {
		return err
	}
	defer c.Close()
	if !t.opening.TLS {
		return nil
	}
	if err := tls.Client(c, t.tlsConfig()).HandshakeContext(ctx); err != nil {
		return fmt.Errorf("speak TLS to %s: %w", c.RemoteAddr(), err)
	}
	return nil
}

// patientConn ends a connection to a device that takes or gives nothing for too
// long. Flashing takes minutes before the answer; nothing else bounds a request.
type patientConn struct{ net.Conn }

func (c *patientConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(deviceSilent)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *patientConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(deviceStuck)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
