package storage_test

import (
	"encoding/hex"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/storage/vfs"
)

// planned is a plan of deletion.
func planned(t testing.TB, s *storage.Store, camera string, from, to time.Time) storage.DeletionPlan {
	t.Helper()
	p, err := s.PlanDeletion(camera, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// minutes records ten segments of a minute that follow each other, two hours ago.
func minutes(t testing.TB, s *storage.Store, camera string) (zero time.Time) {
	t.Helper()
	zero = now().Add(-2 * time.Hour)
	for i := range 10 {
		m := meta(camera, zero.Add(time.Duration(i)*time.Minute))
		w := begin(t, s, m)
		add(t, w, m.Start.Add(time.Minute), 100)
		seal(t, w)
	}
	return zero
}

// Deletion by hand takes each segment that the range touches, but for those that
// are held or being written; it is stated with who and why, and leaves gaps that
// tile, also after every database is gone.
func TestDeleteByHand(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	zero := minutes(t, s.Store, "gate")
	w := begin(t, s.Store, meta("gate", zero.Add(10*time.Minute)))
	add(t, w, zero.Add(10*time.Minute+time.Second), 100)
	eventually(t, "the growing segment", func() bool { return len(all(t, s.Store, "gate")) == 11 })
	place(t, s.Store, "gate", zero.Add(4*time.Minute), zero.Add(4*time.Minute+time.Second))

	p := planned(t, s.Store, "gate", zero.Add(150*time.Second), zero.Add(time.Hour))
	if len(p.Take) != 7 || len(p.Held) != 1 || len(p.Growing) != 1 || !p.Take[0].Start.Equal(zero.Add(2*time.Minute)) {
		t.Fatalf("%+v", p)
	}
	if again := planned(t, s.Store, "gate", zero.Add(2*time.Minute), zero.Add(time.Hour)); again.ID() != p.ID() {
		t.Error("the same segments have another plan")
	}
	if less := planned(t, s.Store, "gate", zero.Add(3*time.Minute), zero.Add(time.Hour)); less.ID() == p.ID() {
		t.Error("another plan has the same id")
	}
	if less, ok := planned(t, s.Store, "gate", zero, zero.Add(time.Hour)).Only(p.ID()); ok {
		t.Errorf("a plan of more is taken for it: %v", less.Take)
	}
	if _, ok := p.Only("x"); ok {
		t.Error("no plan is taken for one")
	}
	elsewhere := p
	elsewhere.Take = []storage.Segment{p.Take[0]}
	elsewhere.Take[0].Volume = "another"
	if _, err := s.Delete(soon(t), elsewhere, "kim", "why"); !errors.Is(err, storage.ErrAway) {
		t.Errorf("deletion on a volume that is away: %v", err)
	}
	d, err := s.Delete(soon(t), p, "kim", "asked for by the works council")
	if err != nil || d != (storage.Deleted{Segments: 7, Bytes: 7 * p.Take[0].Bytes}) {
		t.Fatalf("%+v, %v", d, err)
	}
	check := func(s *storage.Store) {
		t.Helper()
		list := all(t, s, "gate")
		if len(list) != 4 || !list[2].Start.Equal(zero.Add(4*time.Minute)) {
			t.Errorf("left: %v", list)
		}
		gaps := gapsOf(t, s, "gate")
		for i, g := range gaps {
			if i < 7 && (g.Reason != storage.ReasonDeleted || g.Detail != "kim: asked for by the works council" || g.To.Sub(g.From) != time.Minute) {
				t.Errorf("%+v", g)
			}
		}
	}
	check(s.Store)
	early := planned(t, s.Store, "gate", zero, zero.Add(time.Hour))
	seal(t, w)
	late := planned(t, s.Store, "gate", zero, zero.Add(time.Hour))
	if again, ok := late.Only(early.ID()); !ok || len(late.Take) != len(early.Take)+1 || len(again.Take) != len(early.Take) {
		t.Errorf("what was completed since is in the earlier plan: %v", again.Take)
	}
	s.SetGap("gate", "main", w.End(), storage.ReasonAuth, "")
	eventually(t, "the files to go", func() bool {
		left, _ := filepath.Glob(filepath.Join(o.Volumes[0].Path, "gate/main/*/*/*.mp4"))
		return len(left) == 4
	})
	tiles(t, s.Store, "gate")
	volume := s.Status().Volumes[0].ID
	s.stop()
	said := 0
	for _, l := range chain(t, vfs.OS{}, o.Volumes[0].Path, "gate", volume) {
		if l["kind"] == "deleted" && l["detail"] == "by hand" && l["by"] == "kim" && l["why"] == "asked for by the works council" {
			said++
		}
	}
	if said != 7 {
		t.Errorf("%d lines say who deleted 7 segments and why", said)
	}
	loseAll(t, o)
	s = open(t, o)
	eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
	check(s.Store)
	tiles(t, s.Store, "gate")
}

// What is being read is deleted when it is closed, also after a restart; a hold
// that comes first keeps it.
func TestDeleteByHandWaitsForReaders(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	zero := minutes(t, s.Store, "gate")
	list := all(t, s.Store, "gate")
	var readers []*storage.SegmentReader
	for _, seg := range list[:3] {
		r, err := s.OpenSegment(seg)
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, r)
	}
	d, err := s.Delete(soon(t), planned(t, s.Store, "gate", zero, zero.Add(5*time.Minute)), "kim", "why")
	if err != nil || d.Segments != 2 || d.Waiting != 3 {
		t.Fatalf("%+v, %v", d, err)
	}
	if got := len(all(t, s.Store, "gate")); got != 8 {
		t.Errorf("%d left, 3 are being read", got)
	}
	readers[0].Close()
	eventually(t, "the closed one", func() bool { return len(all(t, s.Store, "gate")) == 7 })
	place(t, s.Store, "gate", list[1].Start, list[1].End)
	readers[1].Close()
	s.stop()
	readers[2].Close()
	s = open(t, o)
	eventually(t, "the rest after a restart", func() bool {
		left := all(t, s.Store, "gate")
		return len(left) == 6 && left[0].Path == list[1].Path
	})
	tilesOnce(t, s.Store)
}

// What is wanted already stays so, as the first had it, whatever becomes of a
// second wish; its line says also after a restart what footage it was.
func TestAnEarlierWishStays(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	zero := minutes(t, s.Store, "gate")
	p := planned(t, s.Store, "gate", zero, zero.Add(time.Second))
	r, err := s.OpenSegment(p.Take[0])
	if err != nil {
		t.Fatal(err)
	}
	if d, err := s.Delete(soon(t), p, "kim", "first"); err != nil || d.Waiting != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	more := planned(t, s.Store, "gate", zero, zero.Add(90*time.Second))
	more.Take[1].Path = strings.Repeat("x", 1<<16) // the index takes no such key
	if d, err := s.Delete(soon(t), more, "lee", "second"); err == nil {
		t.Fatalf("%+v", d)
	}
	if d, err := s.Delete(soon(t), p, "lee", "third"); err != nil || d.Waiting != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	volume := p.Take[0].Volume
	s.stop()
	if d, err := s.Delete(soon(t), p, "lee", "when the index is closed"); !errors.Is(err, storage.ErrUncounted) {
		t.Errorf("%+v, %v", d, err)
	}
	r.Close()
	s = open(t, o)
	eventually(t, "the wish after a restart", func() bool { return len(all(t, s.Store, "gate")) == 9 })
	s.stop()
	sum := hex.EncodeToString(p.Take[0].SHA256[:])
	if !slices.ContainsFunc(chain(t, vfs.OS{}, o.Volumes[0].Path, "gate", volume), func(l map[string]any) bool {
		return l["kind"] == "deleted" && l["by"] == "kim" && l["why"] == "first" && l["sha256"] == sum
	}) {
		t.Error("no line says that kim deleted it first, and what it was")
	}
}

// Nothing of a camera that is not read in full is deleted: nobody waits for that.
func TestDeleteByHandOfAnUnreadCamera(t *testing.T) {
	t.Parallel()
	o, fsys := faulty(t, true)
	s := open(t, o)
	zero := minutes(t, s.Store, "gate")
	s.stop()
	failing(fsys, "readdir", "/v/gate/main", syscall.EIO)
	s = open(t, o)
	if len(s.Status().Unread) != 1 {
		t.Fatalf("unread: %q", s.Status().Unread)
	}
	ctx := soon(t)
	if d, err := s.Delete(ctx, planned(t, s.Store, "gate", zero, zero.Add(time.Second)), "kim", "why"); err != nil || d.Waiting != 1 || ctx.Err() != nil {
		t.Errorf("%+v, %v", d, errors.Join(err, ctx.Err()))
	}
}

// tilesOnce checks that what was deleted is a gap, and what is left is none.
func tilesOnce(t testing.TB, s *storage.Store) {
	t.Helper()
	for _, g := range gapsOf(t, s, "gate") {
		for _, seg := range all(t, s, "gate") {
			if g.From.Before(seg.End) && g.To.After(seg.Start) {
				t.Errorf("S6: %+v overlaps %s", g, seg.Path)
			}
		}
	}
}

// After the clock was set back two segments lie over each other: deleting one
// leaves a gap only where nothing else is, deleting both leaves one gap.
func TestDeleteByHandWhereFootageOverlaps(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	zero := now().Add(-2 * time.Hour)
	for i, at := range []time.Time{zero, zero.Add(30 * time.Second)} {
		m := meta("gate", at)
		m.Run = []string{"00000001", "00000002"}[i]
		w := begin(t, s.Store, m)
		add(t, w, at.Add(time.Minute), 10)
		seal(t, w)
	}
	p := planned(t, s.Store, "gate", zero, zero.Add(time.Second))
	if d, err := s.Delete(soon(t), p, "kim", "why"); err != nil || d.Segments != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	span := func() time.Duration {
		sum := time.Duration(0)
		for _, g := range gapsOf(t, s.Store, "gate") {
			if g.Reason == storage.ReasonDeleted {
				sum += g.To.Sub(g.From)
			}
		}
		return sum
	}
	if got := span(); got != 30*time.Second {
		t.Errorf("gaps of %v beside the other footage", got)
	}
	p = planned(t, s.Store, "gate", zero, zero.Add(time.Hour))
	if d, err := s.Delete(soon(t), p, "kim", "why"); err != nil || d.Segments != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	if got := span(); got != 90*time.Second {
		t.Errorf("gaps of %v where nothing is left of 90 s", got)
	}
}
