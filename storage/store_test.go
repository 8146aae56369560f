package storage_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/storage"
)

func TestRecordAndList(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	start := time.Date(2026, 11, 23, 14, 5, 0, 123456789, time.UTC)
	seg := record(t, s.Store, meta("gate", start), 3, 1000)

	want := storage.Segment{
		SegmentMeta: meta("gate", start), End: start.Add(3 * time.Second), Volume: s.Status().Volumes[0].ID,
		Path:  "gate/main/2026-11-23/14/20261123T140500.123456789Z-0a1b2c3d.mp4",
		Bytes: 8 + 3*(1000+partHeader), State: storage.Sealed, SHA256: seg.SHA256,
	}
	if diff := cmp.Diff(want, seg); diff != "" {
		t.Error(diff)
	}
	b, err := os.ReadFile(filepath.Join(o.Volumes[0].Path, seg.Path))
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(b) != seg.SHA256 {
		t.Error("hash is not that of the file")
	}
	if diff := cmp.Diff([]storage.Segment{want}, all(t, s.Store, "gate")); diff != "" {
		t.Error(diff)
	}
	if !bytes.Equal(content(t, s.Store, seg), b) {
		t.Error("reader gives something else than the file")
	}
	ledgers, _ := filepath.Glob(filepath.Join(o.Volumes[0].Path, "gate/ledger/*.ndjson"))
	if len(ledgers) != 1 {
		t.Fatalf("ledgers: %v", ledgers)
	}
	line, _ := os.ReadFile(ledgers[0])
	if !strings.HasPrefix(string(line), `{"kind":"sealed",`) || strings.Count(string(line), "\n") != 1 {
		t.Errorf("ledger: %s", line)
	}
	streams, err := s.Streams()
	if err != nil {
		t.Fatal(err)
	}
	wantStreams := []storage.StreamSummary{{
		Camera: "gate", Stream: "main", First: start, Last: seg.End, Segments: 1, Bytes: seg.Bytes,
	}}
	if diff := cmp.Diff(wantStreams, streams); diff != "" {
		t.Error(diff)
	}
}

func TestSealReleasesPreallocation(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp(".", "prealloc") // on the disk, not in memory
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := open(t, options(t, dir))
	w := begin(t, s.Store, meta("gate", now()))
	add(t, w, now(), 3<<20)
	blocks := func() int64 {
		var st syscall.Stat_t
		files, _ := filepath.Glob(filepath.Join(dir, "gate/main/*/*/*.mp4"))
		if len(files) == 0 || syscall.Stat(files[0], &st) != nil {
			return 0
		}
		return st.Blocks * 512
	}
	eventually(t, "preallocation", func() bool { return blocks() > 4<<20 })
	seal(t, w)
	if got := blocks(); got > 3<<20+64<<10 {
		t.Errorf("%d bytes on disk for 3 MiB", got)
	}
}

func TestOpenSegmentIsListedWhenDurable(t *testing.T) {
	t.Parallel()
	s := open(t, options(t))
	start := now()
	w := begin(t, s.Store, meta("gate", start))
	add(t, w, start.Add(time.Second), 100)
	var list []storage.Segment
	eventually(t, "open segment", func() bool {
		list = all(t, s.Store, "gate")
		return len(list) == 1
	})
	if list[0].State != storage.Open || !list[0].End.Equal(start.Add(time.Second)) || list[0].Bytes != 4+partHeader+100 {
		t.Fatalf("%+v", list[0])
	}
	if got := content(t, s.Store, list[0]); len(got) != int(list[0].Bytes) {
		t.Fatalf("read %d", len(got))
	}
	if end := w.End(); !end.Equal(start.Add(time.Second)) {
		t.Fatalf("end %v", end)
	}
}

func TestAbort(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	start := now()
	w := begin(t, s.Store, meta("kept", start))
	add(t, w, start.Add(time.Second), 100)
	w.Abort()
	w.Abort()
	if err := w.Append(storage.Append{}); !errors.Is(err, storage.ErrEnded) {
		t.Fatal(err)
	}
	begin(t, s.Store, meta("empty", start)).Abort()
	eventually(t, "recovered", func() bool {
		list := all(t, s.Store, "kept")
		return len(list) == 1 && list[0].State == storage.Recovered
	})
	eventually(t, "removal of the empty file", func() bool {
		files, _ := filepath.Glob(filepath.Join(o.Volumes[0].Path, "empty/main/*/*/*"))
		return len(files) == 0 && len(all(t, s.Store, "empty")) == 0
	})
}

func TestBadNames(t *testing.T) {
	t.Parallel()
	s := open(t, options(t))
	ok := meta("gate", now())
	for name, m := range map[string]storage.SegmentMeta{
		"up":         {Camera: "..", Stream: ok.Stream, Run: ok.Run, Start: ok.Start},
		"slash":      {Camera: "a/b", Stream: ok.Stream, Run: ok.Run, Start: ok.Start},
		"hidden":     {Camera: ".stockade-lock", Stream: ok.Stream, Run: ok.Run, Start: ok.Start},
		"ledger":     {Camera: ok.Camera, Stream: "ledger", Run: ok.Run, Start: ok.Start},
		"empty":      {Camera: ok.Camera, Stream: "", Run: ok.Run, Start: ok.Start},
		"run":        {Camera: ok.Camera, Stream: ok.Stream, Run: "../../..", Start: ok.Start},
		"time":       {Camera: ok.Camera, Stream: ok.Stream, Run: ok.Run},
		"long":       {Camera: strings.Repeat("a", 65), Stream: ok.Stream, Run: ok.Run, Start: ok.Start},
		"line break": {Camera: "a\nb", Stream: ok.Stream, Run: ok.Run, Start: ok.Start},
	} {
		if _, err := s.Create(m); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := s.OpenSegment(storage.Segment{Path: "../../etc/passwd"}); err == nil {
		t.Error("opened a path outside")
	}
	if err := s.SetGap("..", "main", now(), storage.ReasonAuth, ""); err == nil {
		t.Error("gap of ..")
	}
}

func TestOverload(t *testing.T) {
	t.Parallel()
	o, fsys := faulty(t, true)
	o.MemoryBudget = 1 << 20
	s := open(t, o)
	start := now()
	w := begin(t, s.Store, meta("gate", start))
	eventually(t, "file", func() bool { return s.Status().Volumes[0].QueueBytes == 0 })
	release := make(chan struct{})
	block(fsys, "write", "/v/gate", release)

	freed, refused := make(chan int, 100), 0
	for i := range 20 {
		err := w.Append(storage.Append{
			Buffers: [][]byte{make([]byte, 100<<10)},
			End:     start.Add(time.Duration(i+1) * time.Second),
			Done:    func() { freed <- i },
		})
		if err != nil {
			refused++
			if !errors.Is(err, storage.ErrOverload) || storage.ReasonOf(err) != storage.ReasonOverload {
				t.Fatal(err)
			}
		}
	}
	if refused < 5 || refused > 15 || len(freed) != refused {
		t.Fatalf("refused %d of 20, freed %d", refused, len(freed))
	}
	if end := w.End(); !end.Equal(start.Add(time.Duration(20-refused) * time.Second)) {
		t.Errorf("end %v", end.Sub(start))
	}
	close(release)
	seg := seal(t, w)
	if seg.Bytes != int64(4+4+(20-refused)*100<<10) {
		t.Errorf("%d bytes", seg.Bytes)
	}
	got := map[int]bool{}
	for range 20 {
		got[<-freed] = true
	}
	if len(got) != 20 || len(freed) != 0 {
		t.Errorf("done was called for %d of 20, %d more calls", len(got), len(freed))
	}
	st := s.Status().Volumes[0]
	if st.Overloads != int64(refused) || st.QueueHighWater > o.MemoryBudget || st.QueueHighWater == 0 {
		t.Errorf("%+v", st)
	}
}

func TestTwoDaemons(t *testing.T) {
	t.Parallel()
	o := options(t)
	open(t, o)
	_, err := storage.OpenStore(o)
	if !errors.Is(err, storage.ErrLocked) || !strings.Contains(err.Error(), "in use by another process") {
		t.Fatalf("same index: %v", err)
	}
	o.State = t.TempDir()
	_, err = storage.OpenStore(o)
	if !errors.Is(err, storage.ErrLocked) || !strings.Contains(err.Error(), o.Volumes[0].Path) {
		t.Fatalf("same volume: %v", err)
	}
}

func TestVolumeIdentity(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := options(t, dir)
	s := open(t, o)
	record(t, s.Store, meta("gate", now()), 1, 10)
	s.stop()

	state := func() (storage.VolumeState, string) {
		s := open(t, o)
		defer s.stop()
		if _, err := s.Create(meta("gate", now())); (err == nil) != (s.Status().Volumes[0].State == storage.VolumeOK) {
			t.Errorf("create: %v", err)
		}
		return s.Status().Volumes[0].State, s.Status().Volumes[0].Error
	}
	aside := dir + "-aside"
	if err := os.Rename(dir, aside); err != nil {
		t.Fatal(err)
	}
	if st, msg := state(); st != storage.VolumeMissing {
		t.Errorf("path gone: %v %s", st, msg)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if st, msg := state(); st != storage.VolumeMissing || !strings.Contains(msg, "not mounted") {
		t.Errorf("empty mount point: %v %s", st, msg)
	}
	if list, _ := os.ReadDir(dir); len(list) != 0 {
		t.Errorf("something was written into the mount point: %v", list)
	}
	other := options(t, dir)
	open(t, other).stop()
	if st, msg := state(); st != storage.VolumeError || !strings.Contains(msg, "another volume") {
		t.Errorf("swapped disk: %v %s", st, msg)
	}
	o.Volumes[0].Replaced = true
	if st, msg := state(); st != storage.VolumeOK {
		t.Errorf("replaced on purpose: %v %s", st, msg)
	}
	o.Volumes[0].Replaced = false
	if st, msg := state(); st != storage.VolumeOK {
		t.Errorf("after that: %v %s", st, msg)
	}
	full := options(t)
	if err := os.WriteFile(filepath.Join(full.Volumes[0].Path, "holiday.jpg"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o = full
	if st, msg := state(); st != storage.VolumeError || !strings.Contains(msg, "not empty") {
		t.Errorf("somebody's directory: %v %s", st, msg)
	}
}

func TestVolumesSpread(t *testing.T) {
	t.Parallel()
	o := options(t, t.TempDir(), t.TempDir())
	s := open(t, o)
	for i := range 8 {
		begin(t, s.Store, meta("gate", now().Add(time.Duration(i)*time.Minute)))
	}
	for _, st := range s.Status().Volumes {
		if st.OpenSegments < 2 {
			t.Errorf("volume %s has %d of 8 segments", st.Path, st.OpenSegments)
		}
	}
}
