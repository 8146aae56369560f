package storage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// A ledger is a file of lines, each a JSON object that ends in its checksum:
//
//	{"kind":"sealed","at":"…","camera":"gate","stream":"main","run":"1a2b3c4d",
//	 "start":"…","end":"…","path":"…","bytes":123,"sha256":"…","prev":"…","crc":"89abcdef"}
//
// prev is the SHA-256 of the line before, without its line feed; of the first
// line of a day it is the last line of the day before; of a camera's very first
// line it is genesis. So a signature on the last hash covers the whole list (S8).
// crc is the CRC-32C of every byte of the line before `,"crc"`.
//
// Lines are written into the file of the day on which they are written, so
// the files of days gone by never change. A later line about a path replaces
// an earlier one; a gap is known by its from, and one without length is none.
type ledgerLine struct {
	Kind   lineKind  `json:"kind"`
	At     time.Time `json:"at"` // when the line was written
	Camera string    `json:"camera"`
	Stream string    `json:"stream,omitempty"`

	Run    string    `json:"run,omitempty"`
	Start  time.Time `json:"start,omitzero"`
	End    time.Time `json:"end,omitzero"` // of an open gap it is missing
	Path   string    `json:"path,omitempty"`
	Bytes  int64     `json:"bytes,omitempty"`
	SHA256 string    `json:"sha256,omitempty"`
	Reason Reason    `json:"reason,omitempty"` // of a gap
	Detail string    `json:"detail,omitempty"`

	ID       string    `json:"id,omitempty"`       // of a hold
	By       string    `json:"by,omitempty"`       // who placed it, or deleted by hand
	Why      string    `json:"why,omitempty"`      // in their words
	Expires  time.Time `json:"expires,omitzero"`   // of a hold
	EndedBy  string    `json:"ended_by,omitempty"` // missing if the hold expired
	EndedWhy string    `json:"ended_why,omitempty"`

	Prev string `json:"prev"`
}

// lineKind says what a ledger line states.
type lineKind string

const (
	lineSealed    lineKind = "sealed"
	lineRecovered lineKind = "recovered"
	lineGap       lineKind = "gap"
	lineDeleted   lineKind = "deleted"
	lineHold      lineKind = "hold" // from start to end nothing of the camera may be deleted
	lineHoldEnded lineKind = "hold-ended"
	// lineLost: a file of which something was written, but that the disk failed
	// to keep. It is gone, or put aside under asideSuffix.
	lineLost lineKind = "lost"
)

const (
	crcSuffix     = `,"crc":"00000000"}`
	maxLedgerLine = 16 << 10 // bytes; ours are under 1 KiB
)

var errLedgerLine = errors.New("not a whole ledger line")

func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// crcLine is what ends a line that begins with b.
func crcLine(b []byte) []byte { return fmt.Appendf(nil, `,"crc":"%08x"}`, castagnoli(b)) }

// genesis is what the first line of a camera's ledger on a volume follows, so
// that no ledger can pass for that of another camera or volume.
func genesis(volume, camera string) [32]byte {
	return sha256.Sum256([]byte("stockade ledger\n" + volume + "\n" + camera + "\n"))
}

// appendLine adds a line, with line feed, that follows prev; it returns the line's own hash.
func appendLine(to []byte, l ledgerLine, prev [32]byte) (out []byte, sum [32]byte, err error) {
	l.Prev = hex.EncodeToString(prev[:])
	b, err := json.Marshal(l)
	if err != nil {
		return to, sum, fmt.Errorf("encode ledger line: %w", err)
	}
	b = b[:len(b)-1]
	b = append(b, crcLine(b)...)
	return append(append(to, b...), '\n'), sha256.Sum256(b), nil
}

// parseLine reads a line without its line feed.
func parseLine(b []byte) (ledgerLine, error) {
	n := len(b) - len(crcSuffix)
	if n < 1 || len(b) > maxLedgerLine {
		return ledgerLine{}, errLedgerLine
	}
	if !bytes.Equal(b[n:], crcLine(b[:n])) {
		return ledgerLine{}, errLedgerLine
	}
	var l ledgerLine
	if err := json.Unmarshal(append(bytes.Clone(b[:n]), '}'), &l); err != nil {
		return ledgerLine{}, fmt.Errorf("decode ledger line: %w", err)
	}
	return l, l.check()
}

// check refuses what would lead out of the camera's directory or break the index.
func (l ledgerLine) check() error {
	if !validID(l.Camera) {
		return fmt.Errorf("ledger line of camera %q: bad name", l.Camera)
	}
	switch l.Kind {
	case lineSealed, lineRecovered, lineDeleted, lineLost:
		m, err := parsePath(l.Path)
		if err != nil {
			return err
		}
		if m.Camera != l.Camera || l.Bytes < 0 || !validTime(l.End) || l.End.Before(m.Start) {
			return fmt.Errorf("ledger line of %s: bad camera, size or end", l.Path)
		}
	case lineGap:
		if !validStream(l.Stream) || !validTime(l.Start) || !l.End.IsZero() && !validTime(l.End) {
			return fmt.Errorf("gap of stream %q: bad stream or time", l.Stream)
		}
	case lineHold, lineHoldEnded: // what makes no sense holds the whole camera
	default: // of a later version: kept, not understood
	}
	return nil
}

// segment makes the index's row of a line about a segment.
func (l ledgerLine) segment(volume string) (Segment, error) {
	m, err := parsePath(l.Path)
	if err != nil {
		return Segment{}, err
	}
	s := Segment{SegmentMeta: m, End: l.End, Volume: volume, Path: l.Path, Bytes: l.Bytes, State: Recovered}
	if l.Kind == lineSealed {
		s.State = Sealed
	}
	if sum, err := hex.DecodeString(l.SHA256); err == nil {
		copy(s.SHA256[:], sum)
	}
	return s, nil
}

func (l ledgerLine) gap() Gap {
	return Gap{Camera: l.Camera, Stream: l.Stream, From: l.Start, To: l.End, Reason: l.Reason, Detail: l.Detail}
}

// segmentLine states a segment: sealed, recovered or deleted.
func segmentLine(kind lineKind, s Segment, at time.Time) ledgerLine {
	l := ledgerLine{
		Kind: kind, At: at.UTC(), Camera: s.Camera, Stream: s.Stream, Run: s.Run,
		Start: s.Start.UTC(), End: s.End.UTC(), Path: s.Path, Bytes: s.Bytes,
	}
	if s.SHA256 != [32]byte{} {
		l.SHA256 = hex.EncodeToString(s.SHA256[:])
	}
	return l
}

func gapLine(g Gap, at time.Time) ledgerLine {
	l := ledgerLine{
		Kind: lineGap, At: at.UTC(), Camera: g.Camera, Stream: g.Stream,
		Start: g.From.UTC(), Reason: g.Reason, Detail: g.Detail,
	}
	if !g.To.IsZero() {
		l.End = g.To.UTC()
	}
	return l
}
