package storage

import (
	"testing"
	"time"
)

// A batch and a listing of many pages give every row once, in order, and no
// transaction holds the index for long.
func TestIndexPages(t *testing.T) {
	t.Parallel()
	ix, err := openIndex(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer ix.close()
	const rows = 3*pageRows + 17
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := &batch{volume: 1, heads: map[string]ledgerHead{"gate": {day: "2026-01-01", size: 5}}}
	for i := range rows {
		seg := testSegment(0)
		seg.Start = start.Add(time.Duration(i) * time.Minute)
		seg.End, seg.Path = seg.Start.Add(time.Minute), seg.path()
		b.put = append(b.put, seg)
		if i%3 == 0 {
			b.doomed = append(b.doomed, seg)
		}
	}
	for i, part := range b.parts() {
		if n := len(part.put) + len(part.doomed); n > maxTransaction {
			t.Errorf("transaction %d has %d rows", i, n)
		}
	}
	if err := ix.apply(b); err != nil {
		t.Fatal(err)
	}
	want := 0
	check := func(seg Segment) bool {
		for want%3 == 0 {
			want++
		}
		if at := start.Add(time.Duration(want) * time.Minute); !seg.Start.Equal(at) {
			t.Fatalf("%v where %v is next", seg.Start, at)
		}
		want++
		return true
	}
	if err := ix.oldest(1, check); err != nil {
		t.Fatal(err)
	}
	if want < rows-1 {
		t.Errorf("oldest ended at %d of %d", want, rows)
	}
	want = 0
	err = ix.each(streamKey{"gate", "main"}, start, lastTime(), func(row located) bool { return check(row.Segment) })
	if err != nil {
		t.Fatal(err)
	}
	if want < rows-1 {
		t.Errorf("each ended at %d of %d", want, rows)
	}
	n := 0
	err = ix.each(streamKey{"gate", "main"}, start, lastTime(), func(located) bool { n++; return n < pageRows+5 })
	if err != nil || n != pageRows+5 {
		t.Errorf("stopped after %d: %v", n, err)
	}
	if heads, err := ix.heads(1); err != nil || heads["gate"].size != 5 {
		t.Errorf("heads %v: %v", heads, err)
	}
}
