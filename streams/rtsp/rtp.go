package rtsp

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
)

// rtpHeaderSize is the fixed part of an RTP header (RFC 3550 section 5.1).
const rtpHeaderSize = 12

var errRTP = errors.New("not an RTP packet")

// readRTP splits an RTP packet (RFC 3550 section 5.1) into its header and its
// payload, without contributing sources, extension and padding.
func readRTP(b []byte) (media.RTPHeader, []byte, error) {
	if len(b) < rtpHeaderSize || b[0]>>6 != 2 {
		return media.RTPHeader{}, nil, errRTP
	}
	h := media.RTPHeader{
		Marker:      b[1]&0x80 != 0,
		PayloadType: b[1] & 0x7f,
		Sequence:    binary.BigEndian.Uint16(b[2:]),
		Time:        media.RTPTime(binary.BigEndian.Uint32(b[4:])),
		SSRC:        binary.BigEndian.Uint32(b[8:]),
	}
	start, end := rtpHeaderSize+4*int(b[0]&0x0f), len(b)
	if b[0]&0x10 != 0 { // extension: 16 bits of its own, 16 bits length in words
		if start+4 > end {
			return h, nil, errRTP
		}
		start += 4 + 4*int(binary.BigEndian.Uint16(b[start+2:]))
	}
	if b[0]&0x20 != 0 { // padding: the last byte counts it
		end -= int(b[len(b)-1])
		if b[len(b)-1] == 0 {
			return h, nil, errRTP
		}
	}
	if start > end {
		return h, nil, errRTP
	}
	return h, b[start:end], nil
}

// report is what a sender report says of the camera's clock.
type report struct {
	ssrc uint32
	ntp  time.Time
	rtp  media.RTPTime
}

// readReports finds the sender reports of a compound RTCP packet (RFC 3550
// section 6.4.1). What is malformed ends it; reports before that count.
func readReports(b []byte, found func(report)) {
	for len(b) >= 4 && b[0]>>6 == 2 {
		size := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
		if size > len(b) {
			return
		}
		if b[1] == 200 && size >= 28 {
			if ntp, ok := ntpTime(binary.BigEndian.Uint64(b[8:])); ok {
				found(report{
					ssrc: binary.BigEndian.Uint32(b[4:]),
					ntp:  ntp,
					rtp:  media.RTPTime(binary.BigEndian.Uint32(b[16:])),
				})
			}
		}
		b = b[size:]
	}
}

// ntpTime converts an NTP timestamp (RFC 5905 section 6): 32 bits of seconds
// since 1900, 32 bits of fraction. Seconds below 2^31 are of the era that
// begins in 2036. Zero means that the camera knows no time.
func ntpTime(v uint64) (time.Time, bool) {
	if v == 0 {
		return time.Time{}, false
	}
	const since1900 = 2208988800
	seconds := int64(v >> 32)
	if seconds < 1<<31 {
		seconds += 1 << 32
	}
	nanos := (v & 0xffffffff) * uint64(time.Second) >> 32
	return time.Unix(seconds-since1900, int64(nanos)).UTC(), true
}
