package filter

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Field is what a word asks of. Text is that of a word without one.
type Field string

// Fields that a word can name.
const (
	Text     Field = ""
	Camera   Field = "camera"
	Device   Field = "device"
	Host     Field = "host"
	Address  Field = "address"
	Port     Field = "port"
	Protocol Field = "protocol"
	Country  Field = "country"
	Network  Field = "network"
	Said     Field = "said"
	Source   Field = "source"
	MAC      Field = "mac"
	Reason   Field = "reason"
	Layer    Field = "layer"
	Rule     Field = "rule"
	Is       Field = "is"
	Since    Field = "since"
	Until    Field = "until"
)

// Fields lists all that a word can name, as they are shown to people.
func Fields() []Field {
	return []Field{Camera, Device, Host, Address, Port, Protocol, Country, Network, Said, Source, MAC, Reason, Layer, Rule, Is, Since, Until}
}

// Reasons are the values of Reason.
func Reasons() []string {
	return []string{"egress", "spoof", "unknown-device", "lateral", "input", "output", "chatter", "redirected"}
}

// Tags are the values of Is.
func Tags() []string {
	return []string{"new", "odd", "beacon", "scan", "many", "names", "changed"}
}

// Nobody is the value of Device and Camera for those of nobody's, and of Host, Said,
// Country and Network for those that have none.
const Nobody = "-"

// Term is one word of a filter.
type Term struct {
	Field Field
	Value string // in lower case, except of Country
	Not   bool
	net   netip.Prefix // of an address or a network
}

// Filter chooses attempts. Its zero value, and nil, choose all.
type Filter struct {
	terms []Term
	since time.Time
	until time.Time
}

// Terms are the words that ask for a value, in their order. Nobody changes them.
func (f *Filter) Terms() []Term {
	if f == nil {
		return nil
	}
	return f.terms
}

// Since and Until bound the last hit, half-open; zero where there is no bound.
func (f *Filter) Since() time.Time {
	if f == nil {
		return time.Time{}
	}
	return f.since
}

// Until is the end of the time asked for, and not part of it.
func (f *Filter) Until() time.Time {
	if f == nil {
		return time.Time{}
	}
	return f.until
}

// Any are the values of a field of which one must be met; none when it does not matter.
func (f *Filter) Any(field Field) (values []string) {
	for _, t := range f.Terms() {
		if t.Field == field && !t.Not {
			values = append(values, t.Value)
		}
	}
	return values
}

// With is the filter with its terms put another way, such as a camera's name as
// the id that rows have. Fields stay: they say what is an alternative to what.
func (f *Filter) With(change func(Term) Term) *Filter {
	if f == nil {
		return nil
	}
	g := &Filter{since: f.since, until: f.until}
	for _, t := range f.terms {
		t = change(t)
		g.terms = append(g.terms, t)
	}
	return g
}

// Match tells whether a row is chosen whose values of a field get gives; of Text
// it gives all that a word without a field may stand in. It is asked once of each
// field, and not of times.
func (f *Filter) Match(get func(Field) []string) bool {
	terms := f.Terms()
	for i := range terms {
		field := terms[i].Field
		if slices.ContainsFunc(terms[:i], func(t Term) bool { return t.Field == field }) {
			continue // it was asked of with the first of them
		}
		if !matchField(terms[i:], field, get(field)) {
			return false
		}
	}
	return true
}

// matchField tells whether a row's values of a field meet the terms that ask of it.
func matchField(terms []Term, field Field, values []string) bool {
	asked, met := false, false // of alternatives, one of which must be met
	for i := range terms {
		t := &terms[i]
		if t.Field != field || met && !t.Not {
			continue
		}
		is := t.met(values)
		switch {
		case t.Not:
			if is {
				return false
			}
		case field == Text:
			if !is {
				return false
			}
		default:
			asked, met = true, is
		}
	}
	return met || !asked
}

// met tells whether one of a row's values is the term's.
func (t *Term) met(values []string) bool {
	if t.Value == Nobody && t.Field != Text {
		return !slices.ContainsFunc(values, func(v string) bool { return v != "" })
	}
	return slices.ContainsFunc(values, t.is)
}

func (t *Term) is(v string) bool {
	switch t.Field {
	case Text:
		return strings.Contains(strings.ToLower(v), t.Value)
	case Host, Said:
		if domain, below := strings.CutPrefix(t.Value, "*"); below {
			return len(v) > len(domain) && strings.EqualFold(v[len(v)-len(domain):], domain)
		}
	case Network:
		return strings.Contains(strings.ToLower(v), t.Value)
	case Address, Source:
		a, err := netip.ParseAddr(v)
		return err == nil && t.net.Contains(a)
	}
	return strings.EqualFold(v, t.Value)
}
