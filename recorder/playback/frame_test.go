package playback_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/recorder/internal/footage"
	"github.com/stockade-nvr/stockade/recorder/playback"
	"github.com/stockade-nvr/stockade/storage"
)

func TestFrame(t *testing.T) {
	t.Parallel()
	clip := footage.Encode(t, footage.Options{Audio: true})
	s := newShelf(t)
	s.keepRun(clip.Parts(run("00000001", start), 0), 2, 4)
	late := clip.Parts(run("00000002", at(7200)), 0)
	s.add(late, storage.Recovered, func(b []byte, o []int64) { b[o[2]+125] ^= 1 })
	l := s.player()
	for _, tt := range []struct{ at, want float64 }{
		{0, 0},
		{1.99, 0},
		{2, 2},
		{3.5, 2},
		{5.9, 4},
		{300, 4},
		{7199, 4},
		{7203.5, 7200}, // the picture of 7202 is damaged
		{7204, 7204},
		{7204 + 80000, 7204},
	} {
		f, err := l.Frame("gate", "main", at(tt.at))
		if err != nil {
			t.Fatalf("at %v: %v", tt.at, err)
		}
		b, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		if got := footage.Play(t, b); got != 1 || !f.At().Equal(at(tt.want)) || f.ETag() == "" {
			t.Errorf("at %v: %d pictures of %v", tt.at, got, f.At().Sub(start))
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, none := range []float64{-1, 7206 + 86401} {
		if _, err := l.Frame("gate", "main", at(none)); !errors.Is(err, playback.ErrNotFound) {
			t.Errorf("at %v: %v", none, err)
		}
	}
	if n := s.pinned.Load(); n != 0 {
		t.Errorf("%d segments stay pinned", n)
	}
}

// Several random access pictures in one part: the latest that is due.
func TestFrameWithinAPart(t *testing.T) {
	t.Parallel()
	clip := footage.Encode(t, footage.Options{Length: 4 * time.Second, GOP: 400 * time.Millisecond, BFrames: true})
	s := newShelf(t)
	s.keepRun(assemble(t, clip, run("00000001", start)))
	for _, second := range []float64{0, 0.45, 1.3, 2.05, 3.3} {
		f, err := s.player().Frame("gate", "main", at(second))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		if late := at(second).Sub(f.At()); footage.Play(t, b) != 1 || late < 0 || late > 550*time.Millisecond {
			t.Errorf("at %v s: a picture %v old", second, late)
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	clip := footage.Encode(t, footage.Options{Width: 64})
	s := newShelf(t)
	s.keepRun(clip.Parts(run("00000001", start), 0), 2, 4)
	s.add(clip.Parts(run("00000002", at(6)), 0)[:2], storage.Sealed, nil)
	s.add(clip.Parts(run("00000003", at(20)), 0), storage.Open, nil)
	s.gaps = []storage.Gap{{Camera: "gate", Stream: "main", From: at(8), To: at(20), Reason: storage.ReasonAuth}}
	var first int64
	for _, x := range s.segments[1:4] {
		first += x.Bytes
	}
	got, err := s.player().Ranges("gate", "main", at(3), at(100))
	if err != nil {
		t.Fatal(err)
	}
	want := playback.Recorded{Gaps: s.gaps, Intervals: []playback.Interval{
		{Start: at(2), End: at(8), Segments: 3, Bytes: first},
		{Start: at(20), End: at(26), Segments: 1, Bytes: s.segments[4].Bytes, Growing: true},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A movie is content that net/http serves by ranges.
func TestServedByRanges(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.keepRun(footage.Encode(t, footage.Options{}).Parts(run("00000001", start), 0), 2)
	m := s.open(t, at(0), at(60))
	whole := all(t, m)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/play", nil)
	r.Header.Set("Range", "bytes=1000-")
	r.Header.Set("If-Range", `"`+m.ETag()+`"`)
	w := httptest.NewRecorder()
	w.Header().Set("ETag", `"`+m.ETag()+`"`)
	w.Header().Set("Content-Type", "video/mp4")
	http.ServeContent(w, r, "", time.Time{}, m)
	if w.Code != http.StatusPartialContent || w.Body.String() != string(whole[1000:]) {
		t.Errorf("status %d, %d of %d bytes", w.Code, w.Body.Len(), len(whole)-1000)
	}
}
