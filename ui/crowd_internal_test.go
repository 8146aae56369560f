package ui

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// far is one end of a pipe that says it comes from an address.
type far struct {
	net.Conn
	from string
}

func (f far) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(f.from), Port: 1} }

// comes has a connection come in from an address; in is nil when there is no place.
func comes(c *crowd, from string) (in *crowdConn, client net.Conn) {
	client, server := net.Pipe()
	return c.enter(far{server, from}), client
}

func gone(client net.Conn) bool {
	_ = client.SetReadDeadline(time.Now())
	_, err := client.Read(make([]byte, 1))
	return errors.Is(err, io.EOF)
}

func TestASourceTakesNoMoreThanItsShareOfConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(nil, slog.New(slog.DiscardHandler), 100, 3)
		first, oldest := comes(c, "2001:db8::1")
		time.Sleep(time.Millisecond)
		_, younger := comes(c, "2001:db8::2")
		time.Sleep(time.Millisecond)
		_, _ = comes(c, "2001:db8::3") // the same /64
		if in, _ := comes(c, "2001:db8::4"); in != nil {
			t.Error("a fourth got in while the others are busy")
		}
		if in, _ := comes(c, "2001:db8:0:1::4"); in == nil {
			t.Error("another source was refused")
		}
		time.Sleep(quietFor)
		go func() { _, _ = oldest.Write([]byte("x")) }()
		_, _ = first.Read(make([]byte, 1)) // busy again
		if in, _ := comes(c, "2001:db8::4"); in == nil || gone(oldest) || !gone(younger) {
			t.Error("the quietest did not make room")
		}
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		_ = first.Close() // the second time frees no second place
		if c.of[first.source] != 2 || len(c.open) != 3 {
			t.Error("after one was closed twice:", c.of)
		}
	})
}

func TestAFullHouseMakesRoomForWhoHasFewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(nil, slog.New(slog.DiscardHandler), 10, 8)
		var most []net.Conn
		for range 8 {
			_, client := comes(c, "192.0.2.1")
			most = append(most, client)
			time.Sleep(time.Millisecond)
		}
		_, other := comes(c, "192.0.2.2")
		_, _ = comes(c, "192.0.2.3")
		if in, _ := comes(c, "::ffff:192.0.2.4"); in == nil || !gone(most[0]) || gone(most[1]) || gone(other) {
			t.Error("who had the most gave no place to one who had none")
		}
		if len(c.open) != 10 || c.of[sourceOf(&net.TCPAddr{IP: net.ParseIP("192.0.2.1")})] != 7 {
			t.Error(len(c.open), c.of)
		}
		// As many as the source with the most: it is no better than that one.
		for range 20 {
			_, _ = comes(c, "192.0.2.4")
		}
		if n := c.of[sourceOf(&net.TCPAddr{IP: net.ParseIP("192.0.2.4")})]; n != 4 || len(c.open) != 10 {
			t.Error("a late source has", n, c.of)
		}
	})
}
