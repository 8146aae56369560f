package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/firewall/filter"
	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// What BenchmarkQuery asks of. Ten million attempts take ten minutes to write
// and 11 GB: a file that is kept spares the time when it is asked again.
var (
	benchAttempts = flag.Int("attempts", 50_000, "attempts in the journal that is benchmarked")
	benchFile     = flag.String("journal", "", "file of the journal that is benchmarked; kept, and made only if it is not there")
)

var benchNow = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

// benchRecord is the nth of so many attempts, from the oldest on: 1,300 devices
// and what they try, over 400 days.
func benchRecord(r *rand.Rand, n, of int) (rowID, *record) {
	var id rowID
	binary.BigEndian.PutUint64(id[:], uint64(n)) // so that the file is written from its begin to its end
	last := benchNow.Add(-time.Duration(float64(of-n) / float64(of) * float64(400*24*time.Hour)))
	device := r.IntN(1300)
	a := Attempt{
		ID: id.String(), First: last.Add(-time.Hour), Last: last, Count: 1 + uint64(r.IntN(1000)), Bytes: 6000,
		Device: fmt.Sprintf("dev-%04d", device), Cameras: []string{fmt.Sprintf("cam-%04d", device)},
		MAC: nflog.MAC{2, 0, 0, 0, byte(device >> 8), byte(device)}, Source: netip.AddrFrom4([4]byte{10, 20, byte(device >> 8), byte(device)}),
		Port: "enp2s0", Reason: nflog.Egress, Family: 4, Protocol: 17, ProtocolName: "udp",
		Destination:     netip.AddrFrom4([4]byte{198, 18 + byte(r.IntN(2)), byte(r.IntN(256)), byte(r.IntN(256))}),
		DestinationPort: []uint16{53, 80, 123, 443, 8883, 32100, uint16(1024 + r.IntN(60000))}[r.IntN(7)],
		Layer:           "L3", Rule: "raw-egress", Revision: "g1", Country: []string{"CN", "US", "KR", "DE", ""}[r.IntN(5)],
	}
	if r.IntN(10) == 0 {
		a.Reason = nflog.Spoof
	}
	if r.IntN(2) == 0 {
		a.Host = fmt.Sprintf("h%d.cloud%d.example", r.IntN(20_000), r.IntN(200))
	}
	a.Novel = r.IntN(100) == 0
	if r.IntN(50) == 0 {
		a.Period = time.Minute
	}
	return id, &record{Attempt: a, Bucket: a.Device}
}

// makeBenchFile writes the journal a bucket after the other, each in the order of
// its keys: as they come, each would touch a page of its own.
func makeBenchFile(path string) error {
	db, err := openStore(path)
	if err != nil {
		return err
	}
	db.NoSync = true
	rows := bucketOrder{db, bucketAttempts}
	err = rows.write(eachBenchRecord, func(id rowID, r *record) ([]byte, []byte) {
		v, err := json.Marshal(r)
		if err != nil {
			return nil, nil
		}
		return id[:], v
	})
	for _, one := range []struct {
		bucket []byte
		key    func(id rowID, r *record) [][]byte
	}{
		{bucketByFirst, func(id rowID, r *record) [][]byte { return [][]byte{lastKey(r.First, id)} }},
		{bucketByLast, func(id rowID, r *record) [][]byte { return [][]byte{lastKey(r.Last, id)} }},
		{bucketByDevice, func(id rowID, r *record) [][]byte { return [][]byte{deviceKey(r.Device, r.Last, id)} }},
	} {
		err = errors.Join(err, bucketOrder{db, one.bucket}.sorted(one.key))
	}
	for _, field := range []byte{ofAddress, ofCountry, ofDomain, ofHost, ofKind, ofTried, ofPort, ofReason, ofSource, ofTag} {
		err = errors.Join(err, bucketOrder{db, bucketByValue}.sorted(func(id rowID, r *record) (keys [][]byte) {
			for _, t := range r.terms() {
				if t[0] == field {
					keys = append(keys, valueKey(t, hourOf(r.Last), id))
				}
			}
			return keys
		}))
	}
	err = errors.Join(err, db.Update(func(tx *bbolt.Tx) error { return addCount(tx, []byte("all"), int64(*benchAttempts)) }))
	return errors.Join(err, db.Close())
}

func eachBenchRecord(yield func(rowID, *record) bool) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := range *benchAttempts {
		if !yield(benchRecord(r, n, *benchAttempts)) {
			return
		}
	}
}

// bucketOrder fills a bucket with keys that come in their order.
type bucketOrder struct {
	db     *bbolt.DB
	bucket []byte
}

func (o bucketOrder) write(all iter.Seq2[rowID, *record], entry func(rowID, *record) (k, v []byte)) error {
	tx, err := o.db.Begin(true)
	n := 0
	for id, r := range all {
		if err != nil {
			return err
		}
		k, v := entry(id, r)
		tx.Bucket(o.bucket).FillPercent = 0.95
		err = tx.Bucket(o.bucket).Put(k, v)
		if n++; n%50_000 == 0 && err == nil {
			if err = tx.Commit(); err == nil {
				tx, err = o.db.Begin(true)
			}
		}
	}
	return errors.Join(err, tx.Commit())
}

// sorted collects keys, then fills the bucket with them.
func (o bucketOrder) sorted(keysOf func(rowID, *record) [][]byte) error {
	var keys []string
	for id, r := range eachBenchRecord {
		for _, k := range keysOf(id, r) {
			keys = append(keys, string(k))
		}
	}
	slices.Sort(keys)
	next := 0
	return o.write(func(yield func(rowID, *record) bool) {
		for next = range keys {
			if !yield(rowID{}, nil) {
				return
			}
		}
	}, func(rowID, *record) ([]byte, []byte) { return []byte(keys[next]), []byte{0} })
}

// benchJournal opens a journal of so many attempts, made first where it is not there.
func benchJournal(b *testing.B) *Journal {
	path := *benchFile
	if path == "" {
		path = filepath.Join(b.TempDir(), "journal.db")
	}
	if _, err := os.Stat(path); err != nil {
		begin := time.Now()
		if err := makeBenchFile(path); err != nil {
			b.Fatal(err)
		}
		b.Logf("%d attempts made in %s", *benchAttempts, time.Since(begin).Round(time.Second))
	}
	j, err := Open(path, Options{MaxStored: 1 << 30, MaxBytes: 1 << 40, Now: func() time.Time { return benchNow }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { j.Close() })
	return j
}

// BenchmarkQuery asks for pages of each kind of filter and reports how long the
// slowest of 20 took longer than: -attempts 10000000 is the size to be ready for,
// 150 ms the time. What no index finds says how far it looked.
func BenchmarkQuery(b *testing.B) {
	j := benchJournal(b)
	for _, text := range []string{
		"", "camera", "port:443", "port:32100 reason:spoof", "host:h77.cloud7.example", "host:*.cloud7.example", "host:*.example",
		"address:198.18.7.7", "source:10.20.1.1", "country:CN", "reason:spoof", "is:new", "is:beacon", "until:2026-03-01 port:53",
		"nothing such as this", "-port:443 -port:53 rule:other",
	} {
		b.Run(text, func(b *testing.B) {
			f := Filter{}
			if text == "camera" {
				f.Device = "dev-0700"
			} else {
				f.Where = must(filter.Parse(text, benchNow))(b)
			}
			var took []time.Duration
			rows, back := 0, time.Duration(0)
			for b.Loop() {
				begin := time.Now()
				p, err := j.Query(f)
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begin))
				rows = len(p.Attempts)
				if back = 0; p.Next != "" {
					back = benchNow.Sub(p.Searched)
				}
				if f.Cursor = p.Next; len(took)%20 == 0 {
					f.Cursor = "" // pages on end, from the newest again and again
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
			b.ReportMetric(float64(rows), "rows")
			b.ReportMetric(back.Hours()/24, "days-searched")
		})
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
