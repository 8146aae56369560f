package storage

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"
)

var errIndexRow = errors.New("index row cannot be read")

// lastTime is behind every time that a row may have.
func lastTime() time.Time { return time.Unix(1<<33, 0).UTC() }

// timeKey orders times as bytes; times before 1970 are 1970.
func timeKey(t time.Time) []byte {
	ns := int64(0)
	switch {
	case t.Unix() < 0:
	case !t.Before(lastTime()):
		ns = lastTime().UnixNano()
	default:
		ns = t.UnixNano()
	}
	return binary.BigEndian.AppendUint64(nil, uint64(ns))
}

func keyTime(b []byte) time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC()
}

// segmentKey orders a stream's segments by start; the run tells apart what a
// clock that was set back made start at the same instant.
func segmentKey(m SegmentMeta) []byte {
	run, _ := hex.DecodeString(m.Run) // checked by SegmentMeta.check
	return append(timeKey(m.Start), run...)
}

// orderKey orders a volume's segments by start.
func orderKey(volume uint16, m SegmentMeta) []byte {
	k := binary.BigEndian.AppendUint16(nil, volume)
	k = append(k, segmentKey(m)...)
	return append(k, m.key().String()...)
}

// parseOrderKey is the reverse of orderKey.
func parseOrderKey(k []byte) (SegmentMeta, error) {
	if len(k) < 14 {
		return SegmentMeta{}, errIndexRow
	}
	key, ok := parseStreamKey(string(k[14:]))
	if !ok {
		return SegmentMeta{}, errIndexRow
	}
	return SegmentMeta{
		Camera: key.camera, Stream: key.stream,
		Start: keyTime(k[2:10]), Run: hex.EncodeToString(k[10:14]),
	}, nil
}

// volumeKey is the key of something of a volume: a path or a camera.
func volumeKey(volume uint16, name string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, volume), name...)
}

// segmentRow: state 1, volume 2, duration and bytes as varints, SHA-256 32.
func segmentRow(s Segment, volume uint16) []byte {
	b := append(make([]byte, 0, 48), byte(s.State))
	b = binary.BigEndian.AppendUint16(b, volume)
	b = binary.AppendUvarint(b, uint64(s.End.Sub(s.Start)))
	b = binary.AppendUvarint(b, uint64(s.Bytes))
	return append(b, s.SHA256[:]...)
}

// parseRow makes a segment of a key and a row; its Volume is not set.
func parseRow(key streamKey, k, v []byte) (s Segment, volume uint16, err error) {
	if len(k) != 12 || len(v) < 3 {
		return s, 0, errIndexRow
	}
	s.SegmentMeta = SegmentMeta{
		Camera: key.camera, Stream: key.stream,
		Start: keyTime(k), Run: hex.EncodeToString(k[8:]),
	}
	s.State = SegmentState(v[0])
	volume = binary.BigEndian.Uint16(v[1:])
	r := reader{b: v[3:]}
	s.End = s.Start.Add(time.Duration(r.length()))
	s.Bytes = r.length()
	copy(s.SHA256[:], r.take(uint64(len(s.SHA256))))
	if r.bad {
		return s, 0, errIndexRow
	}
	s.Path = s.path()
	return s, volume, nil
}

// streamRow is what is counted of a stream.
type streamRow struct {
	segments, bytes int64
	longest         time.Duration // no segment is longer: how far back a search must begin
}

func (r streamRow) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(r.segments))
	b = binary.AppendUvarint(b, uint64(r.bytes))
	return binary.AppendUvarint(b, uint64(r.longest))
}

func parseStreamRow(v []byte) streamRow {
	r := reader{b: v}
	return streamRow{segments: r.length(), bytes: r.length(), longest: time.Duration(r.length())}
}

// gapRow: end 8 (0 while open), length of the reason 1, reason, detail.
func gapRow(g Gap) []byte {
	b := make([]byte, 8, 64)
	if !g.To.IsZero() {
		b = timeKey(g.To)
	}
	return append(putString(b, string(g.Reason)), g.Detail...)
}

func parseGap(key streamKey, k, v []byte) (Gap, error) {
	if len(k) != 8 || len(v) < 9 {
		return Gap{}, errIndexRow
	}
	g := Gap{Camera: key.camera, Stream: key.stream, From: keyTime(k)}
	if to := keyTime(v); to.UnixNano() != 0 {
		g.To = to
	}
	r := reader{b: v[8:]}
	g.Reason = Reason(r.string())
	g.Detail = string(r.b)
	if r.bad {
		return Gap{}, errIndexRow
	}
	return g, nil
}

// headRow: day 10, size as varint, hash 32.
func headRow(h ledgerHead) []byte {
	b := binary.AppendUvarint(append([]byte(nil), h.day...), uint64(h.size))
	return append(b, h.hash[:]...)
}

func parseHead(v []byte) (ledgerHead, error) {
	if len(v) < len(dayLayout) {
		return ledgerHead{}, errIndexRow
	}
	h := ledgerHead{day: string(v[:len(dayLayout)])}
	r := reader{b: v[len(dayLayout):]}
	h.size = r.length()
	copy(h.hash[:], r.take(uint64(len(h.hash))))
	if r.bad || !validDay(h.day) {
		return ledgerHead{}, errIndexRow
	}
	return h, nil
}
