package proof

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Kind is what is wrong with a stretch of a list.
type Kind string

// The kinds of findings.
const (
	Changed   Kind = "changed"   // the record is not what was written
	Removed   Kind = "removed"   // there was a record of that number
	Inserted  Kind = "inserted"  // there was none at this place
	Reordered Kind = "reordered" // the records are genuine, their order is not
	Rewritten Kind = "rewritten" // the hashes fit each other, but not what was signed
	Truncated Kind = "truncated" // records that were signed are gone from the end
	Replaced  Kind = "replaced"  // a head was signed for another list: this one is not the first
	Unsigned  Kind = "unsigned"  // a head is not signed with the site's key
)

// Finding says what is wrong, and where.
type Finding struct {
	Kind   Kind   `json:"kind"`
	Seq    uint64 `json:"seq"`  // the first record concerned; 0 when none is
	Last   uint64 `json:"last"` // the last one
	Detail string `json:"detail"`
}

// String is the finding in one line.
func (f Finding) String() string {
	switch {
	case f.Seq == 0 && f.Last == 0:
		return fmt.Sprintf("%s: %s", f.Kind, f.Detail)
	case f.Seq == f.Last:
		return fmt.Sprintf("record %d %s: %s", f.Seq, f.Kind, f.Detail)
	}
	return fmt.Sprintf("records %d to %d %s: %s", f.Seq, f.Last, f.Kind, f.Detail)
}

// Witness is a head and the place where it was kept.
type Witness struct {
	Head Head
	From string // for people: a database, a volume
}

// sortFindings puts what names a record first, in the order of the list, and of
// findings at one record the narrowest.
func sortFindings(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		if (a.Seq == 0) != (b.Seq == 0) {
			return cmp.Compare(b.Seq, a.Seq)
		}
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Last, b.Last))
	})
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
