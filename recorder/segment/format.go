package segment

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"
)

// FormatVersion is the version of the layout that this package writes.
const FormatVersion = 1

// Bounds that hold while writing and reading (S9).
const (
	// MaxPart is the largest part, in bytes with its header.
	MaxPart = math.MaxInt32
	// MaxParts is how many parts a segment may have: twelve days of seconds.
	MaxParts = 1 << 20
	// maxHead bounds ftyp, moov and description together, in bytes.
	maxHead = 1 << 20
)

// uuidType is the extended type of a box of ours (ISO/IEC 14496-12 section 4.2).
type uuidType [16]byte

// Our three boxes: "stockade" in ASCII, then which one.
var (
	descriptionType = ourType("descript")
	partHeaderType  = ourType("part-hdr")
	partTableType   = ourType("part-tbl")
)

func ourType(which string) uuidType {
	return uuidType([]byte("stockade" + which))
}

const (
	boxHeaderSize  = 8
	uuidHeaderSize = 24
)

// castagnoli is read-only: the polynomial of CRC-32C (RFC 3720 section 12.1),
// which the processor computes.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// origin is the checksum of a file's head. The checksums of part headers and of
// the part table go on from it, so that they are right in this file only: a
// camera, which may send whatever bytes it likes as its picture, knows neither
// the run's random ID nor its start, and so cannot send a header or a table
// that is taken for ours (S9).
type origin uint32

func (o origin) of(b []byte) uint32 { return sumWith(uint32(o), b) }

// appendUUID appends the header of one of our boxes. size counts the header.
func appendUUID(dst []byte, size uint32, t uuidType) []byte {
	dst = appendBox(dst, size, "uuid")
	return append(dst, t[:]...)
}

func appendBox(dst []byte, size uint32, name string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, size)
	return append(dst, name...)
}

// isUUID says whether b begins with the header of our box t, and its size.
func isUUID(b []byte, t uuidType) (size uint32, ok bool) {
	if len(b) < uuidHeaderSize || string(b[4:8]) != "uuid" || uuidType(b[8:24]) != t {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

// Wall times are nanoseconds since 1970, UTC: good until the year 2262.
func nanos(t time.Time) uint64 { return uint64(t.UnixNano()) }

func fromNanos(n uint64) time.Time { return time.Unix(0, int64(n)).UTC() }
