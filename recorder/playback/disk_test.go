package playback_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/recorder"
	"github.com/stockade-nvr/stockade/recorder/internal/footage"
	"github.com/stockade-nvr/stockade/recorder/playback"
	"github.com/stockade-nvr/stockade/storage"
)

// From the recorder through the real storage: footage plays while it is written,
// and is the same when it is sealed.
func TestFromTheRecorder(t *testing.T) {
	t.Parallel()
	begin := time.Now().UTC().Add(-time.Minute)
	clip := footage.Encode(t, footage.Options{Length: 8 * time.Second, Audio: true, Width: 96})
	parts := assemble(t, clip, run("00000001", begin))
	total, end := pictures(parts...), parts[len(parts)-1].End
	kept := pictures(parts[:6]...)
	sixth := parts[5].End
	store, err := storage.OpenStore(storage.Options{
		State: t.TempDir(), Volumes: []storage.VolumeOptions{{Path: t.TempDir()}},
		Durability: 50 * time.Millisecond, Probe: recorder.Probe,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- store.Run(ctx) }()
	l := playback.New(playback.Options{Store: playback.OnDisk(store)})
	r := recorder.New(recorder.Options{Camera: "gate", Stream: "main", Store: recorder.OnDisk(store), Record: true, Software: "test"})
	until := func(end time.Time, state storage.SegmentState) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			list, err := store.Segments("gate", "main", begin, end.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			if n := len(list); n > 0 && !list[n-1].End.Before(end) && list[n-1].State == state {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("not durable: %+v", list)
			}
		}
	}
	open := func(to time.Time) *playback.Movie {
		t.Helper()
		m, err := l.Open("gate", "main", begin, to)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.Close() })
		return m
	}
	for _, p := range parts[:6] {
		r.Part(p)
	}
	until(sixth, storage.Open)
	m := open(time.Now())
	growing := plays(t, m, kept)
	if m.ETag() != "" {
		t.Error("a growing movie has an ETag")
	}
	etag := open(m.End()).ETag()
	for _, p := range parts[6:] {
		r.Part(p)
	}
	r.Close()
	until(end, storage.Sealed)
	again := open(m.End())
	if !bytes.Equal(all(t, again), growing) || again.ETag() != etag || etag == "" {
		t.Errorf("sealing changed the footage: etag %q, was %q", again.ETag(), etag)
	}
	plays(t, open(time.Now()), total)
	cancel()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}
