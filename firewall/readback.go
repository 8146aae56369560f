package firewall

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/firewall/netfilter"
)

// ReadBack is a look at the kernel from all sides: by layer, by port, by family.
type ReadBack struct {
	Status

	Rules    string // digest of the rules, as log prefixes bear it
	Ports    []PortStatus
	Families []FamilyStatus
	Drops    map[string]uint64 // packets since the rules were first loaded, by the id of the rule
	// FirstArmed is when this box was armed for the first time; zero: never, or not known.
	FirstArmed time.Time
}

// PortStatus is a camera port as it was read back, and what is missing there.
type PortStatus struct {
	netfilter.Port

	Missing []string
}

// FamilyStatus is one of IPv4, IPv6 and frames, and what is missing there.
type FamilyStatus struct {
	Family  string
	Missing []string
}

// families in words, and how what concerns them begins or is called in findings.
var families = [...]struct {
	name  string
	words []string
}{
	{"IPv4", []string{"ipv4 ", "inet ", "ip rule ", " net/ipv4/"}},
	{"IPv6", []string{"ipv6 ", "inet ", "ip -6 rule ", " net/ipv6/"}},
	{"frames", []string{"bridge ", "frames "}},
}

// Check compares the kernel with the policy and changes nothing: for a look at
// a box, whether its daemon runs or not. Use a Firewall of its own for it.
func (f *Firewall) Check(ctx context.Context, p Policy) (ReadBack, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p = f.withCanary(f.enforcing(p))
	rs, err := compile(p)
	if err != nil {
		return ReadBack{}, fmt.Errorf("compile the policy: %w", err)
	}
	f.policy = p
	if err := f.open(); err != nil {
		return ReadBack{}, err
	}
	f.loadDrift()
	if err := f.k.Adopt(ctx, rs); err != nil {
		return ReadBack{}, fmt.Errorf("read back: %w", err)
	}
	r, err := f.k.Verify(ctx)
	if err != nil {
		return ReadBack{}, fmt.Errorf("read back: %w", err)
	}
	ports, err := f.k.Ports(rs)
	if err != nil {
		return ReadBack{}, fmt.Errorf("read back: %w", err)
	}
	r.Findings = append(r.Findings, f.lookAside(rs.Link, false)...)
	held, err := f.k.Held(ctx)
	if err != nil {
		return ReadBack{}, fmt.Errorf("read back: %w", err)
	}
	f.report(r)
	if held > 0 {
		f.proving.in(p, rs.Link.Bridge)
	}
	f.publish(func(s *Status) {
		if s.Generation = held; held == 0 {
			s.Reasons = append([]string{"nothing of ours is loaded: nvr firewall arm loads it"}, s.Reasons...)
		}
	})
	f.obeysNote()
	b := ReadBack{Status: f.Status(), Rules: rs.Rules(), Drops: r.Dropped, FirstArmed: FirstArmed(f.o.StateDir)}
	for _, port := range ports {
		if slices.Contains(rs.Link.Made, port.Name) {
			continue // no camera's; the layers tell of it
		}
		b.Ports = append(b.Ports, PortStatus{port, concerning(r.Findings, func(what string) bool { return hasWord(what, port.Name) })})
	}
	for _, fam := range families {
		b.Families = append(b.Families, FamilyStatus{fam.name, concerning(r.Findings, func(what string) bool {
			return slices.ContainsFunc(fam.words, func(w string) bool { return strings.Contains(" "+what, " "+strings.TrimPrefix(w, " ")) })
		})})
	}
	return b, nil
}

// concerning picks findings by what they say: they name the port, table or setting that they are about.
func concerning(all []netfilter.Finding, about func(what string) bool) []string {
	list := []string{}
	for _, x := range all {
		if !x.Note && about(x.What) {
			list = append(list, string(x.Layer)+": "+x.What)
		}
	}
	return list
}

// hasWord reports whether a text names an interface, also in a path or at the end of a sentence.
func hasWord(text, name string) bool {
	return slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '/' || r == ':' || r == ';' || r == ',' }), name)
}
