package sinkhole

import (
	"encoding/binary"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// The NTP packet of RFC 5905 §7.3, without extensions.
const (
	ntpSize        = 48
	ntpModeClient  = 3
	ntpModeServer  = 4
	ntpLeapUnknown = 3 // the clock is not synchronised
	ntpUnsynced    = 16
	ntpStratum     = 10         // ours when synchronised: nobody should prefer us to a real server
	ntpPrecision   = 0xec       // 2^-20 s, about a microsecond
	ntpEpoch       = 2208988800 // seconds from 1900 to 1970
	ntpRead        = 512
)

// ClockState is what is known of the box's clock.
type ClockState struct {
	Synchronised bool
	MaxError     time.Duration // how far it may be off, where that is known
}

// KernelClock asks the kernel whether somebody disciplines the clock.
func KernelClock() ClockState {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil || state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0 {
		return ClockState{}
	}
	return ClockState{Synchronised: true, MaxError: time.Duration(t.Maxerror) * time.Microsecond}
}

// serveNTP answers time requests: each with 48 bytes, whatever came with it.
func (s *Sinkhole) serveNTP(pc net.PacketConn) error {
	conn, ok := pc.(*net.UDPConn)
	if !ok {
		return fmt.Errorf("serve NTP: %T is no UDP socket", pc)
	}
	buf := make([]byte, ntpRead)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			if transient(err) {
				continue
			}
			return unlessClosed(fmt.Errorf("read NTP request: %w", err))
		}
		now := s.opts.Now()
		reply, ok := ntpReply(buf[:n], now, s.opts.Clock())
		if !ok {
			s.malformed.Add(1)
			continue
		}
		binary.BigEndian.PutUint64(reply[40:], ntpTime(s.opts.Now()))
		s.times.Add(1)                                 // before the client can know
		_, _ = conn.WriteToUDPAddrPort(reply[:], from) // it asks again
	}
}

// ntpReply answers a client's request that came at now; false when it is none.
// Of the request only version, poll interval and transmit time are used, as RFC
// 5905 §9.2 has it: nothing that a camera puts in goes any further.
func ntpReply(request []byte, now time.Time, clock ClockState) (reply [ntpSize]byte, ok bool) {
	if len(request) < ntpSize {
		return reply, false
	}
	version, mode := request[0]>>3&7, request[0]&7
	if mode != ntpModeClient || version < 1 || version > 4 {
		return reply, false
	}
	leap, stratum := byte(ntpLeapUnknown), byte(ntpUnsynced)
	if clock.Synchronised {
		leap, stratum = 0, ntpStratum
		copy(reply[12:16], []byte{127, 127, 1, 1}) // a local clock
		binary.BigEndian.PutUint64(reply[16:], ntpTime(now.Truncate(time.Minute)))
	} else {
		copy(reply[12:16], "INIT")
	}
	reply[0] = leap<<6 | version<<3 | ntpModeServer
	reply[1] = stratum
	reply[2] = request[2]
	reply[3] = ntpPrecision
	binary.BigEndian.PutUint32(reply[8:], ntpShort(clock.MaxError)) // root dispersion
	copy(reply[24:32], request[40:48])                              // origin: as the client sent it
	binary.BigEndian.PutUint64(reply[32:], ntpTime(now))
	binary.BigEndian.PutUint64(reply[40:], ntpTime(now))
	return reply, true
}

// ntpTime writes a time as seconds since 1900 and their fraction. It wraps in
// 2036, as all NTP does.
func ntpTime(t time.Time) uint64 {
	seconds := uint64(t.Unix()+ntpEpoch) << 32
	return seconds | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// ntpShort writes a duration in 16.16 seconds, the longest for what is longer.
func ntpShort(d time.Duration) uint32 {
	const longest = 0xffff * time.Second
	d = min(max(d, 0), longest)
	return uint32(uint64(d) << 16 / uint64(time.Second))
}
