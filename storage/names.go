package storage

import (
	"fmt"
	"path"
	"strings"
	"time"
)

// Names below a volume:
//
//	.stockade-volume.json          identity
//	.stockade-lock                 held by the daemon
//	.stockade-checkpoint-a, -b     see checkpoint.go
//	CAMERA/ledger/2026-11-23.ndjson
//	CAMERA/STREAM/2026-11-23/14/20261123T140500.123456789Z-1a2b3c4d.mp4
//
//	… .mp4.unsynced                written, but the disk refused to sync it
//
// Days and hours are UTC and those of the segment's start, so that names alone
// give the order in which footage is deleted.
const (
	identityName    = ".stockade-volume.json"
	lockName        = ".stockade-lock"
	checkpointNameA = ".stockade-checkpoint-a"
	checkpointNameB = ".stockade-checkpoint-b"
	ownPrefix       = ".stockade-"
	ledgerDir       = "ledger"
	ledgerSuffix    = ".ndjson"
	segmentSuffix   = ".mp4"
	asideSuffix     = ".unsynced" // behind segmentSuffix: does not count as footage

	dayLayout   = "2006-01-02"
	hourLayout  = "15"
	startLayout = "20060102T150405.000000000Z"
)

// streamKey names a stream.
type streamKey struct{ camera, stream string }

func (k streamKey) String() string { return k.camera + "/" + k.stream }

// parseStreamKey is the reverse of String.
func parseStreamKey(s string) (streamKey, bool) {
	camera, stream, ok := strings.Cut(s, "/")
	return streamKey{camera, stream}, ok && validID(camera) && validStream(stream)
}

func (m SegmentMeta) key() streamKey { return streamKey{m.Camera, m.Stream} }

// validID reports whether a name may be that of a directory: 1 to 64 letters,
// digits, dots, dashes and underscores, beginning with a letter or digit, so
// that nothing leaves the volume or hides in it.
func validID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '-' && c != '_') {
			return false
		}
	}
	return true
}

// validStream also keeps clear of the ledger's directory.
func validStream(s string) bool { return validID(s) && s != ledgerDir }

func validRun(s string) bool {
	return len(s) == 8 && strings.Trim(s, "0123456789abcdef") == ""
}

// validTime reports whether nanoseconds since 1970 hold a time (until 2262).
func validTime(t time.Time) bool {
	return t.Unix() >= 0 && t.Before(time.Unix(1<<33, 0))
}

func checkKey(camera, stream string) error {
	switch {
	case !validID(camera):
		return fmt.Errorf("storage: %q cannot be the name of a camera", camera)
	case !validStream(stream):
		return fmt.Errorf("storage: %q cannot be the name of a stream", stream)
	}
	return nil
}

func (m SegmentMeta) check() error {
	if err := checkKey(m.Camera, m.Stream); err != nil {
		return err
	}
	switch {
	case !validRun(m.Run):
		return fmt.Errorf("storage: run %q is not 8 hexadecimal digits", m.Run)
	case !validTime(m.Start):
		return fmt.Errorf("storage: segment cannot start at %v", m.Start)
	}
	return nil
}

// path gives the segment's file, relative to the volume. Every row of a
// listing needs it, so it is made in one piece.
func (m SegmentMeta) path() string {
	t := m.Start.UTC()
	b := make([]byte, 0, 128)
	b = append(append(b, m.Camera...), '/')
	b = append(append(b, m.Stream...), '/')
	b = append(t.AppendFormat(b, dayLayout), '/')
	b = append(t.AppendFormat(b, hourLayout), '/')
	b = append(t.AppendFormat(b, startLayout), '-')
	return string(append(append(b, m.Run...), segmentSuffix...))
}

// parsePath is the reverse of SegmentMeta.path.
func parsePath(p string) (SegmentMeta, error) {
	parts := strings.Split(p, "/")
	if len(parts) == 5 {
		start, rest, _ := strings.Cut(parts[4], "-")
		t, err := time.Parse(startLayout, start)
		m := SegmentMeta{Camera: parts[0], Stream: parts[1], Run: strings.TrimSuffix(rest, segmentSuffix), Start: t}
		if err == nil && m.check() == nil && m.path() == p {
			return m, nil
		}
	}
	return SegmentMeta{}, fmt.Errorf("storage: %q is not the path of a segment", p)
}

// ledgerPath gives a camera-day's ledger, relative to the volume.
func ledgerPath(camera, day string) string {
	return path.Join(camera, ledgerDir, day+ledgerSuffix)
}

func validDay(day string) bool {
	_, err := time.Parse(dayLayout, day)
	return err == nil
}
