package segment

import (
	"encoding/binary"
	"testing"
	"time"
)

// FuzzFields puts right checksums over what the fuzzer makes up, which it would
// never find by itself: whoever forges a file can.
func FuzzFields(f *testing.F) {
	parts := []Part{{Offset: 700, Size: 200, Start: time.Unix(1, 0), End: time.Unix(2, 0), RandomAccess: true}}
	parts = append(parts, Part{Offset: 900, Size: 300, Start: time.Unix(2, 0), End: time.Unix(3, 0), Sequence: 1})
	d := Description{Format: FormatVersion, Tracks: []Track{{ID: 1, ClockRate: 90000}}}
	head, from, err := appendDescription([]byte("....ftyp....moov"), &d)
	if err != nil {
		f.Fatal(err)
	}
	trailer := appendTrailer(nil, &d, parts, from)
	header := make([]byte, partHeaderSize)
	putPartHeader(header, &parts[0], 1, from)
	if p, err := parseTrailer(trailer, 700, 1200, from); err != nil || len(p) != 2 {
		f.Fatalf("the seed is wrong: %v, %v", p, err)
	}
	f.Add(appendTrailer(nil, &d, nil, from), header, head, 16, int64(700))
	f.Add(trailer, header, head, 16, int64(1200))
	f.Fuzz(func(t *testing.T, trailer, header, head []byte, begin int, at int64) {
		be := binary.BigEndian
		if len(trailer) >= tableFixed {
			be.PutUint32(trailer[24:], from.of(trailer[28:]))
			parts, err := parseTrailer(trailer, 700, at, from)
			end := int64(700)
			if err == nil && len(parts) == 0 && at != end {
				t.Fatalf("an empty table at %d, %d bytes behind the head", at, at-end)
			}
			for _, p := range parts {
				if err != nil || p.Offset != end || p.Size < minPart || p.Offset+p.Size > at || p.End.Before(p.Start) {
					t.Fatalf("part %+v behind %d, table at %d, %v", p, end, at, err)
				}
				end = p.Offset + p.Size
			}
		}
		if len(header) >= partHeaderSize {
			be.PutUint32(header[24:], from.of(header[28:partHeaderSize]))
			if p, err := parsePartHeader(header, from); err == nil && !p.possible() {
				t.Fatalf("impossible part %+v", p)
			}
		}
		if begin >= 0 && begin <= len(head)-uuidHeaderSize-4 {
			box := head[begin:]
			be.PutUint32(box[uuidHeaderSize:], sumWith(checksum(head[:begin]), box[uuidHeaderSize+4:]))
			if h, err := parseHead(head, int64(begin)); err == nil && h.description.Leading >= len(h.description.Tracks) {
				t.Fatalf("leading track %d of %d", h.description.Leading, len(h.description.Tracks))
			}
		}
	})
}
