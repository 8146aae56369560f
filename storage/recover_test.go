package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/storage/vfs"
)

// lose deletes the index, as an admin may.
func lose(t testing.TB, o storage.Options) {
	t.Helper()
	if err := os.Remove(filepath.Join(o.State, "index.db")); err != nil {
		t.Fatal(err)
	}
}

// listing is everything that a store lists.
func listing(t testing.TB, s *storage.Store) map[string]any {
	t.Helper()
	streams, err := s.Streams()
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]any{"streams": streams}
	for _, st := range streams {
		list[st.Camera] = all(t, s, st.Camera)
		list["gaps of "+st.Camera] = gapsOf(t, s, st.Camera)
	}
	return list
}

// TestWhatIsNotFootageIsLeftAlone has the audit log's copy of signed heads on a
// volume from before its first use on: see docs/audit.md.
func TestWhatIsNotFootageIsLeftAlone(t *testing.T) {
	t.Parallel()
	o := options(t, t.TempDir())
	volume := o.Volumes[0].Path
	name := filepath.Join(volume, ".stockade-audit", "heads.ndjson")
	if err := os.Mkdir(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("heads\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, o)
	record(t, s.Store, meta("gate", now().Add(-time.Hour)), 2, 100)
	s.stop()
	lose(t, o)
	for _, checkpoint := range []string{".stockade-checkpoint-a", ".stockade-checkpoint-b"} {
		if err := os.Remove(filepath.Join(volume, checkpoint)); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, o)
	eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
	streams, err := s.Streams()
	if err != nil || len(streams) != 1 || streams[0].Camera != "gate" {
		t.Errorf("streams %+v, %v", streams, err)
	}
	s.stop()
	if text, err := os.ReadFile(name); err != nil || string(text) != "heads\n" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

func TestIndexLost(t *testing.T) {
	t.Parallel()
	o := options(t, t.TempDir(), t.TempDir())
	s := open(t, o)
	start := now().Add(-90 * 24 * time.Hour)
	for i := range 20 {
		m := meta(fmt.Sprintf("cam-%d", i%3), start.Add(time.Duration(i)*100*time.Hour))
		record(t, s.Store, m, 2, 100)
		s.SetGap(m.Camera, "main", m.Start.Add(2*time.Second), storage.ReasonCameraOffline, "off")
		s.CloseGap(m.Camera, "main", m.Start.Add(time.Hour))
	}
	s.stop()
	s = open(t, o) // states the recorder as down
	eventually(t, "commit", func() bool { return s.Status().Volumes[0].Commits > 0 || s.Status().Volumes[1].Commits > 0 })
	want := listing(t, s.Store)
	s.stop()

	broken := map[string]func(name string) error{
		"deleted":   os.Remove,
		"truncated": func(name string) error { return os.Truncate(name, 9000) },
		"empty":     func(name string) error { return os.Truncate(name, 0) },
		"garbage":   func(name string) error { return os.WriteFile(name, bytes.Repeat([]byte("junk"), 9000), 0o600) },
	}
	for name, do := range broken {
		t.Run(name, func(t *testing.T) {
			if err := do(filepath.Join(o.State, "index.db")); err != nil {
				t.Fatal(err)
			}
			s := open(t, o)
			record(t, s.Store, meta("new", now()), 1, 1) // it records at once
			eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
			got := listing(t, s.Store)
			for camera := range want {
				if camera == "streams" {
					continue
				}
				if diff := cmp.Diff(want[camera], got[camera]); diff != "" {
					t.Errorf("%s: %s", camera, diff)
				}
			}
		})
	}
}

func TestRebuildFindsWhatNoLedgerStates(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	start := now().Add(-48 * time.Hour)
	a := record(t, s.Store, meta("gate", start), 2, 100)
	b := record(t, s.Store, meta("gate", start.Add(time.Hour)), 2, 100)
	s.stop()
	lose(t, o)
	root := o.Volumes[0].Path
	if err := os.RemoveAll(filepath.Join(root, "gate/ledger")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".stockade-checkpoint-a", ".stockade-checkpoint-b"} {
		os.Remove(filepath.Join(root, name))
	}
	s = open(t, o)
	eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
	a.SHA256, b.SHA256 = [32]byte{}, [32]byte{}
	if diff := cmp.Diff([]storage.Segment{a, b}, all(t, s.Store, "gate")); diff != "" {
		t.Error(diff)
	}
	// A file that vanished is dropped by a rebuild on demand.
	if err := os.Remove(filepath.Join(root, a.Path)); err != nil {
		t.Fatal(err)
	}
	if err := s.Rebuild(context.Background()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]storage.Segment{b}, all(t, s.Store, "gate")); diff != "" {
		t.Error(diff)
	}
}

func TestTornCheckpointAndLedger(t *testing.T) {
	t.Parallel()
	for _, torn := range []string{".stockade-checkpoint-a", ".stockade-checkpoint-b", "gate/ledger/*.ndjson", "all"} {
		t.Run(filepath.Base(torn), func(t *testing.T) {
			o := options(t)
			s := open(t, o)
			start := now().Add(-time.Minute)
			for i := range 4 {
				record(t, s.Store, meta("gate", start.Add(time.Duration(i)*10*time.Second)), 2, 100)
			}
			s.SetGap("gate", "main", now(), storage.ReasonAuth, "")
			s.stop()
			s = open(t, o)
			want := listing(t, s.Store)
			s.stop()

			names := []string{torn}
			if torn == "all" {
				names = []string{".stockade-checkpoint-?", "gate/ledger/*.ndjson"}
				lose(t, o)
			}
			for _, name := range names {
				files, _ := filepath.Glob(filepath.Join(o.Volumes[0].Path, name))
				if len(files) == 0 {
					t.Fatal("no file to tear")
				}
				for _, f := range files {
					tear(t, f)
				}
			}
			s = open(t, o)
			eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
			if diff := cmp.Diff(want, listing(t, s.Store)); diff != "" {
				t.Error(diff)
			}
			seg := record(t, s.Store, meta("gate", now()), 1, 1)
			s.stop()
			chain(t, vfs.OS{}, o.Volumes[0].Path, "gate", seg.Volume)
		})
	}
}

// tear spoils a checkpoint, and leaves half a line at the end of a ledger.
func tear(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".ndjson") {
		b = append(b, bytes.Repeat(append([]byte{0, 0}, b[:len(b)/9]...), 30)...)
	} else {
		b[len(b)/2] ^= 0x55
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// S3: the index may be older than the ledgers, or younger after a volume was
// put back from a backup.
func TestIndexOfAnotherTime(t *testing.T) {
	t.Parallel()
	o := options(t)
	root := o.Volumes[0].Path
	s := open(t, o)
	start := now().Add(-time.Hour)
	record(t, s.Store, meta("gate", start), 2, 100)
	s.SetGap("gate", "main", start.Add(2*time.Second), storage.ReasonAuth, "")
	s.stop()
	index := filepath.Join(o.State, "index.db")
	oldIndex, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	oldVolume := t.TempDir()
	if out, err := exec.Command("cp", "-a", root+"/.", oldVolume).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s = open(t, o)
	old := listing(t, s.Store)
	s.CloseGap("gate", "main", start.Add(time.Minute))
	record(t, s.Store, meta("gate", start.Add(time.Minute)), 2, 100)
	s.SetGap("gate", "main", start.Add(62*time.Second), storage.ReasonProtocol, "")
	record(t, s.Store, meta("yard", start), 2, 100)
	s.SetGap("yard", "main", start.Add(2*time.Second), storage.ReasonProtocol, "")
	want := listing(t, s.Store)
	s.stop()

	if err := os.WriteFile(index, oldIndex, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	if s.Status().Rebuilding {
		t.Error("rebuilt for an index that is merely behind")
	}
	if diff := cmp.Diff(want, listing(t, s.Store)); diff != "" {
		t.Errorf("index behind: %s", diff)
	}
	s.stop()

	o.Volumes[0].Path = oldVolume
	s = open(t, o) // the same identity under another path: moved, and older
	eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
	for _, seg := range append(all(t, s.Store, "gate"), all(t, s.Store, "yard")...) {
		content(t, s.Store, seg)
	}
	if diff := cmp.Diff(old["gate"], listing(t, s.Store)["gate"]); diff != "" {
		t.Errorf("index ahead: %s", diff)
	}
}

// TestKill has another process write, kills it, and looks at what is left.
func TestKill(t *testing.T) {
	if dir := os.Getenv("STORAGE_TEST_KILL"); dir != "" {
		writeUntilKilled(t, dir)
		return
	}
	dir := t.TempDir()
	for round := range 6 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "STORAGE_TEST_KILL="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Killed once it has written something new, at a moment that differs.
		before := len(files(dir))
		eventually(t, "footage", func() bool { return len(files(dir)) > before+5 })
		time.Sleep(time.Duration(round*13) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) {
			t.Fatalf("child ended by itself: %v", err)
		}
		s := open(t, killOptions(t, dir))
		verify(t, s.Store, dir)
		if round == 3 {
			s.stop()
			os.Remove(filepath.Join(dir, "state/index.db"))
			s = open(t, killOptions(t, dir))
			verify(t, s.Store, dir)
		}
		s.stop()
	}
}

func killOptions(t testing.TB, dir string) storage.Options {
	o := options(t, filepath.Join(dir, "video"))
	o.State, o.Durability = filepath.Join(dir, "state"), 10*time.Millisecond
	return o
}

func files(dir string) []string {
	names, _ := filepath.Glob(filepath.Join(dir, "video/*/main/*/*/*.mp4"))
	return names
}

func writeUntilKilled(t *testing.T, dir string) {
	s := open(t, killOptions(t, dir))
	for start := now(); ; {
		end := start.Add(max(time.Millisecond, time.Since(start)))
		for i := range 4 {
			m := meta(fmt.Sprintf("cam-%d", i), start)
			s.CloseGap(m.Camera, "main", start)
			w := begin(t, s.Store, m)
			for p := range 4 {
				add(t, w, start.Add(end.Sub(start)*time.Duration(p+1)/4), 1000*p)
			}
			if err := w.Seal([][]byte{trailer()}, nil); err != nil {
				t.Fatal(err)
			}
		}
		start = end
		time.Sleep(time.Millisecond)
	}
}

// verify checks that index and files agree, that every listed byte is good up
// to the border of a part, and that segments and gaps tile.
func verify(t *testing.T, s *storage.Store, dir string) {
	t.Helper()
	eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding }) // killed before the first commit
	listed := map[string]bool{}
	for i := range 4 {
		camera := fmt.Sprintf("cam-%d", i)
		var cursor time.Time
		for _, seg := range all(t, s, camera) {
			listed[filepath.Join(dir, "video", seg.Path)] = true
			b := content(t, s, seg)
			res, err := probe(bytes.NewReader(b), int64(len(b)), 0)
			if err != nil || res.Good != int64(len(b)) || !res.End.Equal(seg.End) || res.Sealed != (seg.State == storage.Sealed) {
				t.Errorf("%s: listed %d bytes to %v as %d, good %+v, %v", seg.Path, len(b), seg.End, seg.State, res, err)
			}
			if seg.State == storage.Open {
				t.Errorf("%s is open", seg.Path)
			}
			cursor = seg.End
		}
		tiles(t, s, camera)
		gaps := gapsOf(t, s, camera)
		if n := len(gaps); n == 0 || !gaps[n-1].From.Equal(cursor) || !gaps[n-1].To.IsZero() {
			t.Errorf("%s: footage to %v, then %v", camera, cursor, gaps)
		}
	}
	for _, name := range files(dir) {
		if !listed[name] {
			t.Errorf("%s is not listed", name)
		}
	}
}
