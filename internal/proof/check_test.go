package proof_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/internal/proof"
)

const list = "audit/test"

// chain makes a right list of n records.
func chain(n int) []proof.Record {
	prev := proof.Genesis(list)
	var all []proof.Record
	for seq := range uint64(n) {
		r := proof.Next(prev, seq+1, fmt.Appendf(nil, "record %d says what it says", seq+1))
		all, prev = append(all, r), r.Hash
	}
	return all
}

// renumber gives records the numbers of their places and leaves their hashes.
func renumber(all []proof.Record) []proof.Record {
	for i := range all {
		all[i].Seq = uint64(i) + 1
	}
	return all
}

// rehash makes all hashes right from an index on, as one who knows how would.
func rehash(all []proof.Record, from int) []proof.Record {
	prev := proof.Genesis(list)
	for i := range all {
		if i >= from {
			all[i] = proof.Next(prev, uint64(i)+1, all[i].Body)
		}
		prev = all[i].Hash
	}
	return all
}

func edit(r *proof.Record, bit int) {
	r.Body = bytes.Clone(r.Body)
	r.Body[bit/8] ^= 1 << (bit % 8)
}

// verify checks records against heads of the right list at some numbers, and its tip.
func verify(t testing.TB, key *proof.Key, right, have []proof.Record, heads []int, tip bool) []proof.Finding {
	t.Helper()
	head := func(seq int, from string) proof.Witness {
		hash := proof.Genesis(list)
		if seq > 0 {
			hash = right[seq-1].Hash
		}
		return proof.Witness{Head: key.Sign(list, uint64(seq), hash, when), From: from}
	}
	var all []proof.Witness
	for _, seq := range heads {
		all = append(all, head(seq, "a volume"))
	}
	c := proof.NewChecker(list, key.Public(), all)
	for _, r := range have {
		body := bytes.Clone(r.Body)
		c.Add(proof.Record{Seq: r.Seq, Prev: r.Prev, Hash: r.Hash, Body: body})
		clear(body) // the checker must not keep it
	}
	var last *proof.Witness
	if tip {
		w := head(len(right), "the database")
		last = &w
	}
	return c.End(last)
}

func TestCheckerNamesWhatHappened(t *testing.T) {
	key := newKey(t)
	type finding struct {
		kind      proof.Kind
		seq, last uint64
	}
	for name, c := range map[string]struct {
		heads  []int
		tamper func(all []proof.Record) []proof.Record
		want   []finding
	}{
		"nothing":                    {[]int{0, 50, 200}, func(all []proof.Record) []proof.Record { return all }, nil},
		"one bit":                    {[]int{100}, func(all []proof.Record) []proof.Record { edit(&all[16], 3); return all }, []finding{{proof.Changed, 17, 17}}},
		"one bit of the first":       {nil, func(all []proof.Record) []proof.Record { edit(&all[0], 0); return all }, []finding{{proof.Changed, 1, 1}}},
		"one bit of the last":        {nil, func(all []proof.Record) []proof.Record { edit(&all[199], 9); return all }, []finding{{proof.Changed, 200, 200}}},
		"one bit of a hash":          {[]int{17}, func(all []proof.Record) []proof.Record { all[16].Hash[5] ^= 4; return all }, []finding{{proof.Changed, 17, 17}}},
		"one bit of the last hash":   {nil, func(all []proof.Record) []proof.Record { all[199].Hash[5] ^= 4; return all }, []finding{{proof.Changed, 200, 200}}},
		"one bit of what it follows": {[]int{16}, func(all []proof.Record) []proof.Record { all[16].Prev[5] ^= 4; return all }, []finding{{proof.Changed, 17, 17}}},
		"one with its hash": {[]int{17}, func(all []proof.Record) []proof.Record {
			all[16] = proof.Next(all[15].Hash, 17, []byte("forged"))
			return all
		}, []finding{{proof.Changed, 17, 17}}},
		"the first with its hash": {[]int{17}, func(all []proof.Record) []proof.Record {
			all[0] = proof.Next(proof.Genesis(list), 1, []byte("forged"))
			return all
		}, []finding{{proof.Changed, 1, 1}}},
		"the last with its hash": {[]int{180}, func(all []proof.Record) []proof.Record {
			all[199] = proof.Next(all[198].Hash, 200, []byte("forged"))
			return all
		}, []finding{{proof.Rewritten, 181, 200}}},
		"two neighbours": {nil, func(all []proof.Record) []proof.Record { edit(&all[16], 3); edit(&all[17], 3); return all }, []finding{
			{proof.Changed, 17, 17}, {proof.Changed, 18, 18},
		}},
		"two far apart": {nil, func(all []proof.Record) []proof.Record { edit(&all[16], 3); edit(&all[150], 3); return all }, []finding{
			{proof.Changed, 17, 17}, {proof.Changed, 151, 151},
		}},
		"removed":        {nil, func(all []proof.Record) []proof.Record { return slices.Delete(all, 16, 17) }, []finding{{proof.Removed, 17, 17}}},
		"removed, first": {nil, func(all []proof.Record) []proof.Record { return all[3:] }, []finding{{proof.Removed, 1, 3}}},
		"removed, all":   {[]int{100}, func([]proof.Record) []proof.Record { return nil }, []finding{{proof.Truncated, 1, 200}}},
		"removed, and the next one changed behind a head": {[]int{17}, func(all []proof.Record) []proof.Record {
			edit(&all[17], 1)
			return slices.Delete(all, 16, 17)
		}, []finding{{proof.Removed, 17, 17}, {proof.Changed, 18, 18}}},
		"removed and renumbered": {[]int{100}, func(all []proof.Record) []proof.Record {
			return renumber(slices.Delete(all, 16, 19))
		}, []finding{{proof.Removed, 17, 19}}},
		"removed, renumbered and rehashed": {[]int{10, 100, 150}, func(all []proof.Record) []proof.Record {
			return rehash(renumber(slices.Delete(all, 16, 17)), 16)
		}, []finding{{proof.Rewritten, 11, 100}, {proof.Truncated, 200, 200}}},
		"cut off": {nil, func(all []proof.Record) []proof.Record { return all[:150] }, []finding{{proof.Truncated, 151, 200}}},
		"inserted and renumbered": {[]int{100}, func(all []proof.Record) []proof.Record {
			return renumber(slices.Insert(all, 16, proof.Next(all[15].Hash, 17, []byte("forged")), proof.Record{Body: []byte("and")}))
		}, []finding{{proof.Inserted, 17, 18}}},
		"inserted without a right hash": {[]int{100}, func(all []proof.Record) []proof.Record {
			return renumber(slices.Insert(all, 16, proof.Record{Body: []byte("forged")}, proof.Record{Body: []byte("and")}))
		}, []finding{{proof.Inserted, 17, 18}}},
		"inserted and rehashed": {[]int{100}, func(all []proof.Record) []proof.Record {
			return rehash(renumber(slices.Insert(all, 16, proof.Record{Body: []byte("forged")})), 16)
		}, []finding{{proof.Rewritten, 1, 100}, {proof.Inserted, 201, 201}}},
		"appended with a right hash": {nil, func(all []proof.Record) []proof.Record {
			return append(all, proof.Next(all[199].Hash, 201, []byte("forged")))
		}, []finding{{proof.Inserted, 201, 201}}},
		"used twice": {nil, func(all []proof.Record) []proof.Record { return slices.Insert(all, 20, all[16]) }, []finding{{proof.Inserted, 17, 17}}},
		"copied and renumbered": {[]int{100}, func(all []proof.Record) []proof.Record {
			return renumber(slices.Insert(all, 20, all[16]))
		}, []finding{{proof.Inserted, 21, 21}}},
		"two swapped": {[]int{100}, func(all []proof.Record) []proof.Record {
			all[16], all[17] = all[17], all[16]
			return renumber(all)
		}, []finding{{proof.Reordered, 17, 18}}},
		"one moved": {[]int{100}, func(all []proof.Record) []proof.Record {
			moved := all[16]
			return renumber(slices.Insert(slices.Delete(all, 16, 17), 40, moved))
		}, []finding{{proof.Reordered, 17, 41}}},
		"one moved forward": {[]int{100}, func(all []proof.Record) []proof.Record {
			moved := all[40]
			return renumber(slices.Insert(slices.Delete(all, 40, 41), 16, moved))
		}, []finding{{proof.Reordered, 17, 41}}},
		"two swapped of which one is changed": {[]int{100}, func(all []proof.Record) []proof.Record {
			all[16], all[17] = all[17], all[16]
			edit(&all[17], 1)
			return renumber(all)
		}, []finding{{proof.Removed, 17, 17}, {proof.Inserted, 18, 18}}},
		"changed and rehashed": {[]int{10, 60, 100}, func(all []proof.Record) []proof.Record {
			edit(&all[16], 3)
			return rehash(all, 16)
		}, []finding{{proof.Rewritten, 11, 60}}},
		"changed and rehashed behind the last head but the tip": {[]int{10}, func(all []proof.Record) []proof.Record {
			edit(&all[16], 3)
			return rehash(all, 16)
		}, []finding{{proof.Rewritten, 11, 200}}},
	} {
		t.Run(name, func(t *testing.T) {
			right := chain(200)
			var got []finding
			said := verify(t, key, right, c.tamper(slices.Clone(right)), c.heads, true)
			for _, f := range said {
				got = append(got, finding{f.Kind, f.Seq, f.Last})
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("found %v, want %v\n%v", got, c.want, said)
			}
		})
	}
}

func TestEveryBitOfARecordIsLocated(t *testing.T) {
	key := newKey(t)
	right := chain(5)
	for at := range right {
		for bit := range 8 * (len(right[at].Body) + 2*len(right[at].Hash)) {
			have := slices.Clone(right)
			if n := 8 * len(right[at].Body); bit < n {
				edit(&have[at], bit)
			} else if bit -= n; bit < 256 {
				have[at].Hash[bit/8] ^= 1 << (bit % 8)
			} else {
				have[at].Prev[(bit-256)/8] ^= 1 << (bit % 8)
			}
			got := verify(t, key, right, have, []int{3}, true)
			if len(got) == 0 || got[0].Kind != proof.Changed || got[0].Seq != right[at].Seq {
				t.Fatalf("record %d, bit %d: found %v", at+1, bit, got)
			}
		}
	}
}

// TestTheFirstFindingIsNeverLate tampers at random: whatever is done first, the
// check begins there or before, and a right list has no findings.
func TestTheFirstFindingIsNeverLate(t *testing.T) {
	key := newKey(t)
	right := chain(100)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		have := slices.Clone(right)
		for range 1 + rnd.IntN(6) {
			at := rnd.IntN(len(have))
			switch rnd.IntN(4) {
			case 0:
				edit(&have[at], rnd.IntN(64))
			case 1:
				have = slices.Delete(have, at, at+1)
			case 2:
				have = slices.Insert(have, at, proof.Record{Seq: have[at].Seq, Body: []byte("forged")})
			case 3:
				have[at].Hash[0] ^= 1
			}
		}
		if rnd.IntN(2) == 0 {
			have = renumber(have)
		}
		first := 0
		for first < len(have) && first < len(right) && bytes.Equal(have[first].Encode(), right[first].Encode()) && have[first].Seq == right[first].Seq {
			first++
		}
		if first == len(have) && first == len(right) {
			continue
		}
		got := verify(t, key, right, have, []int{50}, true)
		if len(got) == 0 {
			t.Fatal("nothing was found")
		}
		if got[0].Seq > uint64(first)+1 {
			t.Fatalf("tampered at %d, found %v", first+1, got)
		}
	}
}

func TestHeadsOfOthersAreFindings(t *testing.T) {
	key, other := newKey(t), newKey(t)
	right := chain(3)
	c := proof.NewChecker(list, key.Public(), []proof.Witness{
		{Head: other.Sign(list, 3, right[2].Hash, when), From: "/v1"},
		{Head: key.Sign("audit/before", 3, right[2].Hash, when), From: "/v2"},
		{Head: key.Sign("audit/before", 4, right[2].Hash, when), From: "/v2"},
	})
	for _, r := range right {
		c.Add(r)
	}
	got := c.End(nil)
	if len(got) != 2 || got[0].Kind != proof.Unsigned || got[1].Kind != proof.Replaced || !strings.Contains(got[1].String(), "/v2") {
		t.Errorf("found %v", got)
	}
}

func TestAListWrongThroughoutIsNotExplainedForEver(t *testing.T) {
	key := newKey(t)
	have := chain(5000)
	for i := range have {
		have[i].Hash[0] ^= 1
	}
	if got := verify(t, key, chain(5000), have, nil, true); len(got) != 100 || got[0].Seq != 1 {
		t.Errorf("%d findings, the first %v", len(got), got[0])
	}
}

func TestARightListAllocatesNothing(t *testing.T) {
	all := chain(1000)
	key := newKey(t)
	c := proof.NewChecker(list, key.Public(), nil)
	at := 0
	if n := testing.AllocsPerRun(900, func() { c.Add(all[at]); at++ }); n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}

func BenchmarkLink(b *testing.B) {
	body := make([]byte, 400)
	var h proof.Hash
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		h = proof.Link(h, 1, body)
	}
}
