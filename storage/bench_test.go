package storage

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkList lists a month of one camera out of indexes of many cameras.
func BenchmarkList(b *testing.B) {
	for _, rows := range []int{10_000, 1_000_000} {
		for _, length := range []time.Duration{time.Hour, 5 * time.Minute} {
			b.Run(fmt.Sprintf("rows=%d/segment=%v", rows, length), func(b *testing.B) { benchList(b, rows, length) })
		}
	}
}

func benchList(b *testing.B, rows int, length time.Duration) {
	ix, err := openIndex(b.TempDir(), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	defer ix.close()
	ix.db.NoSync = true
	s := &Store{index: ix, gaps: newGapBook()}
	month := int(30 * 24 * time.Hour / length)
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for done := 0; done < rows; {
		batch := &batch{volume: 1}
		for i := 0; i < 10_000 && done < rows; i, done = i+1, done+1 {
			seg := testSegment(0)
			seg.Camera = fmt.Sprintf("camera-%04d", done/month)
			seg.Start = start.Add(time.Duration(done%month) * length)
			seg.End = seg.Start.Add(length)
			seg.Path = seg.path()
			batch.put = append(batch.put, seg)
		}
		if err := ix.apply(batch); err != nil {
			b.Fatal(err)
		}
	}
	camera := fmt.Sprintf("camera-%04d", rows/month/2)
	b.ResetTimer()
	for b.Loop() {
		list, err := s.Segments(camera, "main", start, start.Add(30*24*time.Hour))
		if err != nil || len(list) != month {
			b.Fatalf("%d rows: %v", len(list), err)
		}
	}
}
