package playback_test

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/recorder/internal/footage"
)

// twoRuns is a movie of two runs with sound, cut and damaged.
func twoRuns(t *testing.T, bFrames bool) []byte {
	t.Helper()
	clip := footage.Encode(t, footage.Options{Length: 16 * time.Second, Width: 96, Audio: true, BFrames: bFrames})
	s := newShelf(t)
	one := assemble(t, clip, run("00000001", start))
	s.keepRun(one, 4, 8)
	s.keepRun(assemble(t, clip, run("00000002", at(100))))
	return all(t, s.open(t, at(0), at(1000)))
}

// What each sidx refers to is one moof with one trun for each track, and one mdat:
// Chromium's demuxer goes wrong after a seek in anything else.
func TestIndexRefersToSingleFragments(t *testing.T) {
	t.Parallel()
	b := twoRuns(t, false)
	be := binary.BigEndian
	var indexes [][]byte
	at := 0
	for ; string(b[at+4:at+8]) != "moof"; at += int(be.Uint32(b[at:])) {
		if string(b[at+4:at+8]) == "sidx" {
			indexes = append(indexes, b[at:at+int(be.Uint32(b[at:]))])
			if end := at + int(be.Uint32(b[at:])) + int(be.Uint64(b[at+28:])); string(b[end+4:end+8]) != "moof" {
				t.Errorf("sidx at %d refers to %q", at, b[end+4:end+8])
			}
		}
	}
	if len(indexes) != 2 || be.Uint32(indexes[0][12:]) != 1 || be.Uint32(indexes[1][12:]) != 2 {
		t.Fatalf("%d indexes", len(indexes))
	}
	for _, x := range indexes {
		rows, fragments := x[40:], b[at:]
		for ; len(rows) > 0; rows = rows[12:] {
			f := fragments[:be.Uint32(rows)]
			fragments = fragments[len(f):]
			moof := f[:be.Uint32(f)]
			mdat := f[len(moof):]
			if string(moof[4:8]) != "moof" || strings.Count(string(moof), "trun") != 2 || strings.Count(string(moof), "traf") != 2 ||
				string(mdat[4:8]) != "mdat" || int(be.Uint32(mdat)) != len(mdat) || be.Uint32(rows[8:]) != 9<<28 {
				t.Fatalf("fragment %q of %d bytes, flags %x", f[:8], len(f), be.Uint32(rows[8:]))
			}
		}
		if len(fragments) != 0 {
			t.Errorf("%d bytes behind the last reference", len(fragments))
		}
	}
}

// ffmpeg finds the random access picture before an instant by the index alone.
func TestSeek(t *testing.T) {
	t.Parallel()
	for _, bFrames := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "seek.mp4")
		if err := os.WriteFile(path, twoRuns(t, bFrames), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, to := range []float64{1, 5.5, 13, 17.5, 29} {
			out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-ss", strconv.FormatFloat(to, 'f', 1, 64), "-copyts", "-i", path,
				"-map", "0:v", "-c", "copy", "-frames:v", "1", "-f", "framecrc", "-").CombinedOutput()
			if err != nil {
				t.Fatal(err, string(out))
			}
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			field := strings.Split(lines[len(lines)-1], ",")
			ticks, err := strconv.Atoi(strings.TrimSpace(field[min(2, len(field)-1)]))
			if err != nil {
				t.Fatalf("ffmpeg: %s", out)
			}
			if found := float64(ticks) / 90000; found > to+0.01 || found < to-2.3 {
				t.Errorf("B pictures %v: seek to %v s finds %v s", bFrames, to, found)
			}
		}
	}
}
