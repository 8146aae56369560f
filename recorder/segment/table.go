package segment

import (
	"encoding/binary"
	"errors"
	"math"
)

// Layout of the part table, numbers big-endian:
//
//	 0 size, "uuid", part-tbl   24 bytes
//	24 CRC-32C of the head (the origin) and byte 28 to the end of the file, mfra included
//	28 format version, 3 reserved bytes
//	32 offset of the first part; parts follow each other without a hole
//	40 sequence of the first part; each next one is one more
//	44 number of parts
//	48 a row per part:
//	     0 size, 4 duration, 8 decode time, 16 start, 24 end,
//	    32 flags (1: random access), 2 bytes reserved with them,
//	    36 lost (at most 65535), 38 damaged (likewise)
//	.. size of this box again, so that it is found from behind
const (
	tableFixed = 48
	tableRow   = 40
	tableEnd   = 4
)

const (
	mfroSize  = 16
	tfraFixed = 24
	tfraRow   = 19
	// maxTrailer is the length of a full segment's, in bytes.
	maxTrailer = tableFixed + tableEnd + boxHeaderSize + tfraFixed + mfroSize + MaxParts*(tableRow+tfraRow)
)

// appendTrailer appends the part table and the movie fragment random access box.
func appendTrailer(dst []byte, d *Description, parts []Part, from origin) []byte {
	be := binary.BigEndian
	at := len(dst)
	size := uint32(tableFixed + tableRow*len(parts) + tableEnd)
	dst = appendUUID(dst, size, partTableType)
	dst = append(dst, 0, 0, 0, 0, FormatVersion, 0, 0, 0)
	var first Part
	if len(parts) > 0 {
		first = parts[0]
	}
	dst = be.AppendUint64(dst, uint64(first.Offset))
	dst = be.AppendUint32(dst, first.Sequence)
	dst = be.AppendUint32(dst, uint32(len(parts)))
	for i := range parts {
		dst = appendRow(dst, &parts[i])
	}
	dst = be.AppendUint32(dst, size)
	dst = appendMFRA(dst, d.Tracks[d.Leading].ID, parts)
	be.PutUint32(dst[at+24:], from.of(dst[at+28:]))
	return dst
}

func appendRow(dst []byte, p *Part) []byte {
	be := binary.BigEndian
	dst = be.AppendUint32(dst, uint32(p.Size))
	dst = be.AppendUint32(dst, p.Duration)
	dst = be.AppendUint64(dst, p.Decode)
	dst = be.AppendUint64(dst, nanos(p.Start))
	dst = be.AppendUint64(dst, nanos(p.End))
	var flags byte
	if p.RandomAccess {
		flags = flagRandomAccess
	}
	dst = append(dst, flags, 0, 0, 0)
	dst = be.AppendUint16(dst, uint16(min(p.Lost, math.MaxUint16)))
	return be.AppendUint16(dst, uint16(min(p.Damaged, math.MaxUint16)))
}

// appendMFRA appends mfra (ISO/IEC 14496-12 section 8.8.9) with one row for each
// part that begins with a random access unit.
func appendMFRA(dst []byte, track uint32, parts []Part) []byte {
	be := binary.BigEndian
	rows := 0
	for i := range parts {
		if parts[i].RandomAccess {
			rows++
		}
	}
	tfra := uint32(tfraFixed + tfraRow*rows)
	mfra := boxHeaderSize + tfra + mfroSize
	dst = appendBox(dst, mfra, "mfra")
	dst = appendBox(dst, tfra, "tfra")
	dst = be.AppendUint32(dst, 1<<24) // version 1: 64-bit times and offsets
	dst = be.AppendUint32(dst, track)
	dst = be.AppendUint32(dst, 0) // traf, trun and sample numbers of one byte each
	dst = be.AppendUint32(dst, uint32(rows))
	for i := range parts {
		if p := &parts[i]; p.RandomAccess {
			dst = be.AppendUint64(dst, p.presentation)
			dst = be.AppendUint64(dst, uint64(p.Offset)+FragmentOffset)
			dst = append(dst, p.traf, 1, 1)
		}
	}
	dst = appendBox(dst, mfroSize, "mfro")
	dst = be.AppendUint32(dst, 0)
	return be.AppendUint32(dst, mfra)
}

var errTable = errors.New("part table: not of this format")

// parseTrailer reads a trailer, part table and mfra, that lies at the offset at
// of a file and reaches to its end. begin is where the file's head ends: parts
// fill what lies between.
func parseTrailer(b []byte, begin, at int64, from origin) ([]Part, error) {
	be := binary.BigEndian
	size, ok := isUUID(b, partTableType)
	if !ok || size < tableFixed+tableEnd || int64(size) > int64(len(b)) || b[28] != FormatVersion {
		return nil, errTable
	}
	if be.Uint32(b[24:]) != from.of(b[28:]) {
		return nil, errors.New("part table: wrong checksum")
	}
	count := be.Uint32(b[44:])
	if count > MaxParts || int64(size) != tableFixed+tableRow*int64(count)+tableEnd {
		return nil, errTable
	}
	offset, sequence := int64(be.Uint64(b[32:])), be.Uint32(b[40:])
	if count == 0 {
		offset = begin
	}
	if offset != begin {
		return nil, errTable
	}
	parts := make([]Part, count)
	for i := range parts {
		row := b[tableFixed+i*tableRow:]
		p := &parts[i]
		*p = Part{
			Offset: offset, Sequence: sequence + uint32(i),
			Size: int64(be.Uint32(row)), Duration: be.Uint32(row[4:]), Decode: be.Uint64(row[8:]),
			Start: fromNanos(be.Uint64(row[16:])), End: fromNanos(be.Uint64(row[24:])),
			RandomAccess: row[32]&flagRandomAccess != 0,
			Lost:         uint32(be.Uint16(row[36:])), Damaged: uint32(be.Uint16(row[38:])),
		}
		if !p.possible() || offset+p.Size > at {
			return nil, errTable
		}
		offset += p.Size
	}
	if offset != at {
		return nil, errTable // parts reach exactly up to their table
	}
	return parts, nil
}
