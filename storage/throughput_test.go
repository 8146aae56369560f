package storage_test

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/storage"
)

// BenchmarkAppend writes parts of 404 KB, one a second and stream in real life,
// of 200 streams as fast as they are taken, with a commit each second.
func BenchmarkAppend(b *testing.B) {
	const streams, size = 200, 404_000
	dir, err := os.MkdirTemp(".", "bench") // on the disk, not in memory
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	o := options(b, dir)
	o.Durability = time.Second
	s := open(b, o)
	defer s.stop()
	start := now()
	var writers []*storage.SegmentWriter
	for i := range streams {
		writers = append(writers, begin(b, s.Store, meta(fmt.Sprintf("cam-%d", i), start)))
	}
	payload := make([]byte, size)
	tokens := make(chan struct{}, 100) // within the memory budget
	before := cpu()
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	var pending sync.WaitGroup
	for i := range b.N {
		tokens <- struct{}{}
		pending.Add(1)
		err := writers[i%streams].Append(storage.Append{
			Buffers: [][]byte{payload[:200], payload[200:]},
			End:     start.Add(time.Duration(i/streams+1) * time.Second),
			Done:    func() { <-tokens; pending.Done() },
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	pending.Wait()
	b.StopTimer()
	st := s.Status().Volumes[0]
	b.ReportMetric((cpu()-before).Seconds()*1000/float64(b.N), "cpu-ms/camera-s")
	b.ReportMetric(float64(st.CommitTimeMax.Milliseconds()), "max-commit-ms")
}

// BenchmarkRealTime has 200 streams deliver 404 KB each second for ten seconds,
// and tells what a commit and a write take.
func BenchmarkRealTime(b *testing.B) {
	const streams, size, seconds = 200, 404_000, 10
	for b.Loop() {
		dir, err := os.MkdirTemp(".", "bench")
		if err != nil {
			b.Fatal(err)
		}
		o := options(b, dir)
		o.Durability = time.Second
		s := open(b, o)
		start := now()
		var writers []*storage.SegmentWriter
		for i := range streams {
			writers = append(writers, begin(b, s.Store, meta(fmt.Sprintf("cam-%d", i), start)))
		}
		payload := make([]byte, size)
		before := cpu()
		tick := time.NewTicker(time.Second / streams)
		for i := range streams * seconds {
			<-tick.C
			err := writers[i%streams].Append(storage.Append{
				Buffers: [][]byte{payload[:200], payload[200:]}, End: start.Add(time.Duration(i/streams+1) * time.Second),
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		tick.Stop()
		st := s.Status().Volumes[0]
		b.ReportMetric((cpu()-before).Seconds()*1000/(streams*seconds), "cpu-ms/camera-s")
		b.ReportMetric(float64(st.CommitTimeMax.Milliseconds()), "max-commit-ms")
		b.ReportMetric(float64(st.CommitTime.Milliseconds()), "last-commit-ms")
		b.ReportMetric(float64(st.WriteLatencyMax.Microseconds())/1000, "max-write-ms")
		b.ReportMetric(float64(st.QueueHighWater)/(1<<20), "queue-MiB")
		s.stop()
		os.RemoveAll(dir)
	}
}

// cpu is what this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
