package rtsp

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
)

// This file takes the byte stream of an RTSP connection apart (RFC 2326 section
// 10.12): messages in text, frames "$ channel length payload", and whatever
// careless firmware puts between them. A "$" alone is not believed: a frame must
// be on a channel that was set up and look like RTP or RTCP of that channel,
// or the junk between frames would swallow up to 64 KiB of footage.

const (
	frameHeader    = 4
	maxFrame       = frameHeader + 65535
	maxTextHeader  = 32 << 10
	maxTextBody    = 128 << 10 // gortsplib's own limit
	maxStartOfText = 4 << 10   // within which the first line must end
)

// itemKind is what the stream continues with.
type itemKind uint8

const (
	itemMore  itemKind = iota // not decided before more bytes are here
	itemJunk                  // size bytes that belong to nothing
	itemFrame                 // size bytes, the payload on a channel
	itemText                  // size bytes of a message's header, and body more bytes
)

type item struct {
	kind    itemKind
	size    int
	body    int
	channel uint8
	payload []byte
}

// channelUse is what a channel carries.
type channelUse uint8

const (
	unused channelUse = iota
	carriesRTP
	carriesRTCP
)

// channel is what a channel was set up for, and what was seen on it.
type channel struct {
	ssrc        uint32
	ssrcKnown   bool
	use         channelUse
	track       uint8
	payloadType uint8
}

// channels is what the channels of a connection are for.
type channels [256]channel

// scan says what b continues with. synced means that the last thing ended right
// before b and was no junk; without it a frame must prove itself harder.
func scan(b []byte, table *channels, synced bool) item {
	if len(b) == 0 {
		return item{kind: itemMore}
	}
	if b[0] == '$' {
		return scanFrame(b, table, synced)
	}
	switch startsText(b) {
	case yes:
		return scanText(b)
	case maybe:
		return item{kind: itemMore}
	default:
		return item{kind: itemJunk, size: junkLength(b)}
	}
}

func scanFrame(b []byte, table *channels, synced bool) item {
	if len(b) < frameHeader {
		return item{kind: itemMore}
	}
	c := &table[b[1]]
	size := frameHeader + int(binary.BigEndian.Uint16(b[2:]))
	var v verdict
	switch c.use {
	case carriesRTP:
		v = looksLikeRTP(b[frameHeader:], size-frameHeader, c, synced)
	case carriesRTCP:
		v = looksLikeRTCP(b[frameHeader:], size-frameHeader)
	default: // a channel of something that we did not set up
		v = no
		if synced && size >= frameHeader+4 {
			v = maybe
			if len(b) > frameHeader {
				v = of(b[frameHeader]>>6 == 2)
			}
		}
	}
	switch {
	case v == no:
		return item{kind: itemJunk, size: junkLength(b)}
	case v == maybe, len(b) < size:
		return item{kind: itemMore}
	}
	return item{kind: itemFrame, size: size, channel: b[1], payload: b[frameHeader:size]}
}

// verdict is an answer that may have to wait for more bytes.
type verdict uint8

const (
	no verdict = iota
	maybe
	yes
)

func of(b bool) verdict {
	if b {
		return yes
	}
	return no
}

func looksLikeRTP(p []byte, size int, c *channel, synced bool) verdict {
	if size < rtpHeaderSize {
		return no
	}
	if len(p) < rtpHeaderSize {
		return maybe
	}
	if p[0]>>6 != 2 {
		return no
	}
	knownType := p[1]&0x7f == c.payloadType
	knownSource := c.ssrcKnown && binary.BigEndian.Uint32(p[8:]) == c.ssrc
	if synced || !c.ssrcKnown {
		return of(knownType || knownSource)
	}
	return of(knownType && knownSource)
}

func looksLikeRTCP(p []byte, size int) verdict {
	if size < 4 {
		return no
	}
	if len(p) < 2 {
		return maybe
	}
	return of(p[0]>>6 == 2 && p[1] >= 192 && p[1] <= 223) // RFC 5761 section 4
}

// scanText finds the end of a message's header and the length of its body.
func scanText(b []byte) item {
	window := b[:min(len(b), maxTextHeader)]
	end := bytes.Index(window, []byte("\r\n\r\n"))
	switch {
	case end < 0 && len(b) >= maxTextHeader:
		return item{kind: itemJunk, size: junkLength(b)}
	case end < 0:
		return item{kind: itemMore}
	}
	return item{kind: itemText, size: end + 4, body: contentLength(b[:end])}
}

// contentLength gives the length of the body that follows a header; 0 for one
// that gortsplib refuses.
func contentLength(header []byte) int {
	for line := range bytes.SplitSeq(header, []byte("\r\n")) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !strings.EqualFold(string(key), "Content-Length") {
			continue
		}
		n, err := strconv.ParseUint(string(bytes.TrimLeft(value, " ")), 10, 31)
		if err != nil || n > maxTextBody {
			return 0
		}
		return int(n)
	}
	return 0
}

const responseStart = "RTSP/1."

// methods are the requests that a camera might send (RFC 2326 section 10).
func methods() [11]string {
	return [...]string{
		"OPTIONS ", "ANNOUNCE ", "DESCRIBE ", "GET_PARAMETER ", "PAUSE ", "PLAY ",
		"RECORD ", "REDIRECT ", "SETUP ", "SET_PARAMETER ", "TEARDOWN ",
	}
}

// startsText says whether b begins an RTSP message: a status line, or a
// method in a line that ends with the protocol's name.
func startsText(b []byte) verdict {
	if v := hasStart(b, responseStart); v != no {
		return v
	}
	if b[0] < 'A' || b[0] > 'T' {
		return no
	}
	for _, m := range methods() {
		switch hasStart(b, m) {
		case maybe:
			return maybe
		case yes:
			window := b[:min(len(b), maxStartOfText)]
			line, _, found := bytes.Cut(window, []byte("\r\n"))
			if !found {
				return min(maybe, of(len(b) < maxStartOfText))
			}
			return of(bytes.Contains(line, []byte(" "+responseStart)))
		}
	}
	return no
}

func hasStart(b []byte, start string) verdict {
	if len(b) < len(start) {
		return min(maybe, of(string(b) == start[:len(b)]))
	}
	return of(string(b[:len(start)]) == start)
}

// junkLength is how far it is to the next byte that could begin something.
func junkLength(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '$', 'R', 'A', 'D', 'G', 'O', 'P', 'S', 'T':
			return i
		}
	}
	return len(b)
}
