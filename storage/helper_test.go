package storage_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/storage/vfs"
)

// The tests' own media: a file begins with "HEAD"; a part is "PART", its
// length, its end in ns and the CRC of what precedes and follows it; a trailer
// is "TAIL".
const partHeader = 4 + 4 + 8 + 4

func header() []byte  { return []byte("HEAD") }
func trailer() []byte { return []byte("TAIL") }

func part(end time.Time, payload []byte) []byte {
	b := append([]byte("PART"), make([]byte, partHeader-4)...)
	binary.BigEndian.PutUint32(b[4:], uint32(len(payload)))
	binary.BigEndian.PutUint64(b[8:], uint64(end.UnixNano()))
	b = append(b, payload...)
	binary.BigEndian.PutUint32(b[16:], crc32.ChecksumIEEE(append(bytes.Clone(b[:16]), payload...)))
	return b
}

// probe is the storage.Probe of the tests' media.
func probe(f io.ReaderAt, size, from int64) (storage.ProbeResult, error) {
	res := storage.ProbeResult{Good: from}
	b := make([]byte, size-from)
	if n, err := f.ReadAt(b, from); int64(n) < size-from {
		return res, err
	}
	if from == 0 {
		if !bytes.HasPrefix(b, header()) {
			return storage.ProbeResult{}, nil
		}
		b, res.Good = b[4:], 4
	}
	for {
		if bytes.Equal(b, trailer()) {
			res.Good, res.Sealed = res.Good+4, true
			return res, nil
		}
		if len(b) < partHeader || string(b[:4]) != "PART" {
			return res, nil
		}
		n := int64(binary.BigEndian.Uint32(b[4:])) + partHeader
		if n > int64(len(b)) {
			return res, nil
		}
		if crc32.ChecksumIEEE(append(bytes.Clone(b[:16]), b[partHeader:n]...)) != binary.BigEndian.Uint32(b[16:]) {
			return res, nil
		}
		res.End = time.Unix(0, int64(binary.BigEndian.Uint64(b[8:]))).UTC()
		res.Good += n
		res.Parts++
		b = b[n:]
	}
}

// t0 is when footage begins in tests: near now, since hours before the last
// commit are not searched for new segments.
func now() time.Time { return time.Now().UTC().Round(0) }

func options(t testing.TB, volumes ...string) storage.Options {
	o := storage.Options{
		State: t.TempDir(), Durability: 20 * time.Millisecond, Probe: probe,
		Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
	}
	if len(volumes) == 0 {
		volumes = []string{t.TempDir()}
	}
	for _, v := range volumes {
		o.Volumes = append(o.Volumes, storage.VolumeOptions{Path: v})
	}
	return o
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	if testing.Verbose() {
		os.Stderr.Write(b)
	}
	return len(b), nil
}

// running is a store that runs until stop.
type running struct {
	*storage.Store
	t      testing.TB
	cancel context.CancelFunc
	done   chan error
	once   sync.Once
}

func open(t testing.TB, o storage.Options) *running {
	t.Helper()
	s, err := storage.OpenStore(o)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, s)
}

func run(t testing.TB, s *storage.Store) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Store: s, t: t, cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- s.Run(ctx) }()
	t.Cleanup(r.stop)
	return r
}

// stop ends the store in order.
func (r *running) stop() {
	r.once.Do(func() {
		r.cancel()
		if err := <-r.done; err != nil {
			r.t.Errorf("run: %v", err)
		}
		if err := r.Close(); err != nil {
			r.t.Errorf("close: %v", err)
		}
	})
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func meta(camera string, start time.Time) storage.SegmentMeta {
	return storage.SegmentMeta{Camera: camera, Stream: "main", Run: "0a1b2c3d", Start: start}
}

// begin creates a segment and appends its header.
func begin(t testing.TB, s *storage.Store, m storage.SegmentMeta) *storage.SegmentWriter {
	t.Helper()
	w, err := s.Create(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(storage.Append{Buffers: [][]byte{header()}}); err != nil {
		t.Fatal(err)
	}
	return w
}

// add appends a part that ends at an instant.
func add(t testing.TB, w *storage.SegmentWriter, end time.Time, size int) {
	t.Helper()
	p := part(end, bytes.Repeat([]byte{7}, size))
	if err := w.Append(storage.Append{Buffers: [][]byte{p[:partHeader], p[partHeader:]}, End: end}); err != nil {
		t.Fatal(err)
	}
}

// seal ends a segment and waits until it is durable.
func seal(t testing.TB, w *storage.SegmentWriter) storage.Segment {
	t.Helper()
	type result struct {
		seg storage.Segment
		err error
	}
	done := make(chan result, 1)
	err := w.Seal([][]byte{trailer()}, func(seg storage.Segment, err error) { done <- result{seg, err} })
	if err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-done:
		if r.err != nil {
			t.Fatal(r.err)
		}
		return r.seg
	case <-time.After(time.Minute):
		t.Fatal("never sealed")
		return storage.Segment{}
	}
}

// record makes one sealed segment of parts of a second.
func record(t testing.TB, s *storage.Store, m storage.SegmentMeta, parts, size int) storage.Segment {
	t.Helper()
	w := begin(t, s, m)
	for i := range parts {
		add(t, w, m.Start.Add(time.Duration(i+1)*time.Second), size)
	}
	return seal(t, w)
}

// all lists a camera's main stream.
func all(t testing.TB, s *storage.Store, camera string) []storage.Segment {
	t.Helper()
	list, err := s.Segments(camera, "main", time.Unix(0, 0), now().Add(1000*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func gapsOf(t testing.TB, s *storage.Store, camera string) []storage.Gap {
	t.Helper()
	list, err := s.Gaps(camera, "main", time.Unix(0, 0), now().Add(1000*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// content reads a segment through the store.
func content(t testing.TB, s *storage.Store, seg storage.Segment) []byte {
	t.Helper()
	r, err := s.OpenSegment(seg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b := make([]byte, r.Size())
	if n, err := r.ReadAt(b, 0); n != len(b) {
		t.Fatalf("read %d of %d: %v", n, len(b), err)
	}
	return b
}

// faulty makes options on a file system in memory whose volume is mounted or not.
func faulty(t testing.TB, mounted bool) (storage.Options, *vfs.Fault) {
	fsys := vfs.NewFault(1 << 30)
	if mounted {
		fsys.Mount("/v")
	}
	o := options(t, "/v")
	o.FS = fsys
	return o, fsys
}
