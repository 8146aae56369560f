package journal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/firewall/filter"
)

// By is what attempts are grouped by.
type By string

// Groups that a person asks for: who, where to, and why it was stopped.
const (
	ByCamera      By = "camera" // device, under whose cameras' names people know it
	ByDestination By = "destination"
	ByReason      By = "reason"
)

// maxGroups bounds an answer; the rest is one group of its own, Others.
const maxGroups = 500

// Others is the value of the group of all that found no group. It is no host:
// SharedHost is one that has a group of its own.
const Others = "**"

// Group is what several attempts have in common, and their account.
type Group struct {
	Value    string    `json:"value"` // device, host or address, or reason; "" for those that have none
	Country  string    `json:"country,omitempty"`
	Attempts int       `json:"attempts"`
	Count    uint64    `json:"count"` // packets
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
}

// Groups is a part of the list in groups, the largest count first.
type Groups struct {
	Groups   []Group   `json:"groups"`
	Next     string    `json:"next,omitempty"`    // cursor to go on from, "" at the end
	Searched time.Time `json:"searched,omitzero"` // how far back it looked
}

// Group counts what matches by what it has in common. Like a Query it ends after
// little more than 100 ms: then the groups are those of what was searched, and the
// next part's are to be added to them. Limit does not matter.
func (j *Journal) Group(f Filter, by By) (Groups, error) {
	if !slices.Contains([]By{ByCamera, ByDestination, ByReason}, by) {
		return Groups{}, fmt.Errorf("group by %q: there is no such group", by)
	}
	groups := map[string]*Group{}
	next, searched, err := j.each(f, func(a *Attempt) bool {
		v := a.valueFor(by)
		g := groups[v]
		if g == nil && len(groups) >= maxGroups {
			v = Others
			g = groups[v]
		}
		if g == nil {
			g = &Group{Value: v, First: a.First, Last: a.Last}
			groups[v] = g
		}
		if by == ByDestination && v != Others {
			g.Country = cmp.Or(g.Country, a.Country)
		}
		g.Attempts++
		g.Count += a.Count
		g.First, g.Last = earlier(g.First, a.First), later(g.Last, a.Last)
		return true
	})
	if err != nil {
		return Groups{}, err
	}
	out := Groups{Groups: make([]Group, 0, len(groups)), Next: next, Searched: searched}
	for _, g := range groups {
		out.Groups = append(out.Groups, *g)
	}
	slices.SortFunc(out.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	return out, nil
}

func (a *Attempt) valueFor(by By) string {
	switch by {
	case ByCamera:
		return a.Device
	case ByReason:
		return string(a.shownReason())
	case ByDestination:
	}
	if a.Host != "" {
		return a.Host
	}
	return strings.Join(a.values(filter.Address, a.Last), "")
}
