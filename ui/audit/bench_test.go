package audit_test

import (
	"context"
	"os"
	"testing"

	"github.com/stockade-nvr/stockade/ui/audit"
)

// grown makes a log of n entries.
func grown(b *testing.B, n int) *site {
	b.Helper()
	s := newSite(b)
	const step = 50_000
	for have := 0; have < n; have += step {
		s.grow(min(step, n-have))
	}
	return s
}

// BenchmarkVerify reads a million entries: 5 s at the most are promised.
func BenchmarkVerify(b *testing.B) {
	const n = 1_000_000
	s := grown(b, n)
	st, err := os.Stat(s.path())
	must(b, err)
	for b.Loop() {
		r, err := audit.Verify(context.Background(), s.db, s.key.Public(), nil)
		if err != nil || !r.OK || r.Entries != n {
			b.Fatalf("%v, %+v", err, r)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/entry")
	b.ReportMetric(float64(st.Size())/n, "bytes/entry")
}

// BenchmarkAppend has no sync in it: a commit's costs what the disk takes.
func BenchmarkAppend(b *testing.B) {
	s := newSite(b)
	i := 0
	for b.Loop() {
		must(b, s.log.Append(sample(i, start)))
		i++
	}
}

// BenchmarkQuery asks for what is rare among a hundred thousand.
func BenchmarkQuery(b *testing.B) {
	s := grown(b, 100_000)
	for name, f := range map[string]audit.Filter{
		"newest":  {},
		"rare":    {Actor: "nobody"},
		"text":    {Text: "nothing like it"},
		"escaped": {Text: `"nothing`},
	} {
		b.Run(name, func(b *testing.B) {
			calls := 0
			for b.Loop() {
				f.Cursor = ""
				for {
					page, err := s.log.Query(context.Background(), f)
					must(b, err)
					calls++
					if f.Cursor = page.Next; f.Cursor == "" || name == "newest" {
						break
					}
				}
			}
			b.ReportMetric(float64(calls)/float64(b.N), "calls/op")
		})
	}
}
