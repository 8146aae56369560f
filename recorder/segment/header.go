package segment

import (
	"encoding/binary"
	"errors"
	"time"
)

// Part is what a part's header says of it.
type Part struct {
	Offset       int64     // of the header, in the file
	Size         int64     // of header, prft, moof and mdat together
	Start, End   time.Time // capture time of the first sample of the leading track, and of what follows its last one
	Decode       uint64    // movie time of that first sample, ticks of the leading track
	Duration     uint32    // of the leading track's samples, ticks
	Sequence     uint32    // counts the parts of the run
	Lost         uint32    // RTP packets missing within or right before it
	Damaged      uint32    // access units discarded
	RandomAccess bool      // begins with a random access unit

	body         uint32 // CRC-32C of what follows the header
	presentation uint64 // movie time of the first sample's presentation; only while writing
	traf         uint8  // number of the leading track's traf in the moof, from 1; only while writing
}

// Layout of the part header:
//
//	 0 size, "uuid", part-hdr            24 bytes
//	24 CRC-32C of the head (the origin) and bytes 28 to 88
//	28 CRC-32C of byte 88 to the end of the part
//	32 size of the part, this box included
//	40 capture time, start               ns since 1970 UTC
//	48 capture time, end
//	56 decode time of the leading track
//	64 duration of the leading track
//	68 leading track's ID
//	72 sequence
//	76 lost packets
//	80 damaged access units
//	84 format version, flags (1: random access), 2 reserved bytes
//	88
const (
	partHeaderSize = 88
	prftSize       = 32
	// FragmentOffset is where a part's moof begins, from the part's Offset.
	FragmentOffset = partHeaderSize + prftSize

	flagRandomAccess = 1
	// minPart is the least a part can be: an empty moof and mdat.
	minPart = FragmentOffset + 2*boxHeaderSize
)

// putPartHeader fills the first partHeaderSize bytes of b.
func putPartHeader(b []byte, p *Part, track uint32, from origin) {
	be := binary.BigEndian
	appendUUID(b[:0], partHeaderSize, partHeaderType)
	be.PutUint32(b[28:], p.body)
	be.PutUint64(b[32:], uint64(p.Size))
	be.PutUint64(b[40:], nanos(p.Start))
	be.PutUint64(b[48:], nanos(p.End))
	be.PutUint64(b[56:], p.Decode)
	be.PutUint32(b[64:], p.Duration)
	be.PutUint32(b[68:], track)
	be.PutUint32(b[72:], p.Sequence)
	be.PutUint32(b[76:], p.Lost)
	be.PutUint32(b[80:], p.Damaged)
	b[84], b[85], b[86], b[87] = FormatVersion, 0, 0, 0
	if p.RandomAccess {
		b[85] = flagRandomAccess
	}
	be.PutUint32(b[24:], from.of(b[28:partHeaderSize]))
}

var (
	errNoPart    = errors.New("no part header")
	errPartSum   = errors.New("part header: wrong checksum")
	errPartField = errors.New("part header: impossible value")
)

// parsePartHeader reads the header at the beginning of b, which is one of this
// file only if the origin is right; its Offset is left to the caller. Nothing but
// the header is needed to know how far the part goes.
func parsePartHeader(b []byte, from origin) (Part, error) {
	be := binary.BigEndian
	if len(b) < partHeaderSize {
		return Part{}, errNoPart
	}
	if size, ok := isUUID(b, partHeaderType); !ok || size != partHeaderSize {
		return Part{}, errNoPart
	}
	if be.Uint32(b[24:]) != from.of(b[28:partHeaderSize]) {
		return Part{}, errPartSum
	}
	p := Part{
		body:         be.Uint32(b[28:]),
		Size:         int64(be.Uint64(b[32:])),
		Start:        fromNanos(be.Uint64(b[40:])),
		End:          fromNanos(be.Uint64(b[48:])),
		Decode:       be.Uint64(b[56:]),
		Duration:     be.Uint32(b[64:]),
		Sequence:     be.Uint32(b[72:]),
		Lost:         be.Uint32(b[76:]),
		Damaged:      be.Uint32(b[80:]),
		RandomAccess: b[85]&flagRandomAccess != 0,
	}
	if b[84] != FormatVersion || !p.possible() {
		return Part{}, errPartField
	}
	return p, nil
}

// possible says whether the values can be true of any part.
func (p *Part) possible() bool {
	return p.Size >= minPart && p.Size <= MaxPart && !p.End.Before(p.Start)
}

// prft flags (ISO/IEC 14496-12 section 8.16.5): the association of media time
// and UTC is consistent over the track (8) and close to the real time of the
// scene (16).
const prftCapture = 8 | 16

// ntpEpoch is 1900-01-01, in seconds before 1970.
const ntpEpoch = 2208988800

// putPRFT fills b, prftSize bytes, with a producer reference time box: the
// picture of track with presentation time media was captured at the instant at.
func putPRFT(b []byte, track uint32, at time.Time, media uint64) {
	be := binary.BigEndian
	appendBox(b[:0], prftSize, "prft")
	be.PutUint32(b[8:], 1<<24|prftCapture)
	be.PutUint32(b[12:], track)
	// Seconds since 1900 wrap in 2036, as NTP's do (RFC 5905 section 6).
	be.PutUint32(b[16:], uint32(at.Unix()+ntpEpoch))
	be.PutUint32(b[20:], uint32(uint64(at.Nanosecond())<<32/uint64(time.Second)))
	be.PutUint64(b[24:], media)
}
