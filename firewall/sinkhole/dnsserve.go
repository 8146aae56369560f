package sinkhole

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of what is worked on at once. A question that is known takes
// microseconds; a new name waits for the disk.
const (
	maxAtOnce   = 64 // questions by UDP on one address; more are dropped and counted
	maxConns    = 64 // TCP connections on one address; more are closed and counted
	maxConnsOne = 4  // ... of one device
	maxPerConn  = 128
	connIdle    = 5 * time.Second
	answerWait  = 4 * time.Second // less than a client's patience
)

// serveDNSPackets answers questions that come by UDP.
func (s *Sinkhole) serveDNSPackets(ctx context.Context, pc net.PacketConn) error {
	conn, ok := pc.(*net.UDPConn)
	if !ok {
		return fmt.Errorf("serve DNS: %T is no UDP socket", pc)
	}
	var busy sync.WaitGroup
	defer busy.Wait()
	slots := make(chan struct{}, maxAtOnce)
	buf := make([]byte, maxMessage+1) // one more, to tell what is too long
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			if transient(err) {
				continue
			}
			return unlessClosed(fmt.Errorf("read DNS question: %w", err))
		}
		select {
		case slots <- struct{}{}:
		default:
			s.refused.Add(1)
			continue
		}
		message := append([]byte(nil), buf[:n]...)
		busy.Go(func() {
			defer func() { <-slots }()
			actx, cancel := context.WithTimeout(ctx, answerWait)
			defer cancel()
			if out := s.answer(actx, from.Addr().Unmap(), message); out != nil {
				_, _ = conn.WriteToUDPAddrPort(out, from) // the client asks again
			}
		})
	}
}

// unlessClosed drops the error of a socket that Run has closed: only Run does.
func unlessClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// transient reports whether a read error is of one packet, not of the socket: an
// ICMP error that answers one of our replies.
func transient(err error) bool {
	return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.ENETUNREACH)
}

// serveDNSConns answers questions that come by TCP.
func (s *Sinkhole) serveDNSConns(ctx context.Context, ln net.Listener) error {
	var busy sync.WaitGroup
	defer busy.Wait()
	open := conns{of: make(map[netip.Addr]int)}
	for {
		c, err := ln.Accept()
		if err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() || errors.Is(err, unix.ECONNABORTED) || errors.Is(err, unix.EMFILE) {
				select { // no descriptor left, or gone before it was taken
				case <-time.After(100 * time.Millisecond):
					continue
				case <-ctx.Done():
					return nil
				}
			}
			return unlessClosed(fmt.Errorf("accept DNS connection: %w", err))
		}
		from := remote(c)
		if !open.enter(from) {
			s.refused.Add(1)
			_ = c.Close() // nothing was read
			continue
		}
		busy.Go(func() {
			defer open.leave(from)
			s.serveDNSConn(ctx, c, from)
		})
	}
}

// serveDNSConn answers the questions of one connection, in order.
func (s *Sinkhole) serveDNSConn(ctx context.Context, c net.Conn, from netip.Addr) {
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	defer c.Close()
	buf := make([]byte, 2+maxMessage)
	for range maxPerConn {
		if err := c.SetDeadline(time.Now().Add(connIdle)); err != nil {
			return
		}
		if _, err := io.ReadFull(c, buf[:2]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(buf))
		if n > maxMessage {
			s.malformed.Add(1)
			return
		}
		if _, err := io.ReadFull(c, buf[:n]); err != nil {
			return
		}
		actx, cancel := context.WithTimeout(ctx, answerWait)
		out := s.answer(actx, from, buf[:n])
		cancel()
		if out == nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)); err != nil {
			return
		}
	}
}

// conns counts open connections.
type conns struct {
	mu  sync.Mutex // guards all below
	all int
	of  map[netip.Addr]int
}

func (c *conns) enter(from netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= maxConns || c.of[from] >= maxConnsOne {
		return false
	}
	c.all++
	c.of[from]++
	return true
}

func (c *conns) leave(from netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.of[from]--; c.of[from] == 0 {
		delete(c.of, from)
	}
}

func remote(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
