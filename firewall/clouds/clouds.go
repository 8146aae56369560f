package clouds

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

//go:embed clouds.tsv
var builtin string

// By says how a service was told.
type By string

// From the strongest sign to the weakest.
const (
	ByName    By = "name"
	ByAddress By = "address"
	ByPort    By = "port"
)

// Label is what a destination is.
type Label struct {
	Service string // for example Hik-Connect
	Owner   string // who runs it; "" where many do
	By      By
	Match   string // row of the table, such as hik-connect.com, udp/32100
	Source  string // URL of who says so
	Seen    string // day on which that was looked at
}

// Table is a set of labels.
type Table struct {
	names     map[string]Label
	addresses map[netip.Addr]Label
	ports     map[string]Label
}

// New makes the table that is part of the program.
func New() *Table {
	t, err := parse(builtin)
	if err != nil {
		panic(err) // a test reads it, too
	}
	return t
}

// Protocols as rows name them, with their IP numbers.
const (
	protoTCP = 6
	protoUDP = 17
)

// parse reads rows of five columns, divided by tabs.
func parse(text string) (*Table, error) {
	t := &Table{names: map[string]Label{}, addresses: map[netip.Addr]Label{}, ports: map[string]Label{}}
	for i, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 5 || f[0] == "" || f[1] == "" || f[3] == "" || f[4] == "" {
			return nil, fmt.Errorf("line %d has not five columns, of which only OWNER may be empty", i+1)
		}
		if !t.add(Label{Match: f[0], Service: f[1], Owner: f[2], Source: f[3], Seen: f[4]}) {
			return nil, fmt.Errorf("line %d: %q is no name, port or address, or stands there twice", i+1, f[0])
		}
	}
	return t, nil
}

// add takes a row by what its match is.
func (t *Table) add(l Label) bool {
	if a, err := netip.ParseAddr(l.Match); err == nil {
		_, twice := t.addresses[a]
		l.By = ByAddress
		t.addresses[a] = l
		return !twice
	}
	if protocol, port, is := strings.Cut(l.Match, "/"); is {
		n, err := strconv.ParseUint(port, 10, 16)
		_, twice := t.ports[l.Match]
		l.By = ByPort
		t.ports[l.Match] = l
		return !twice && err == nil && n > 0 && (protocol == "tcp" || protocol == "udp")
	}
	_, twice := t.names[l.Match]
	l.By = ByName
	t.names[l.Match] = l
	return !twice && strings.Contains(l.Match, ".") && strings.Trim(l.Match, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}

// Of says what a destination is: by the names it has or was called, the first that is
// known, else by its address, else by its port.
func (t *Table) Of(names []string, to netip.Addr, protocol uint8, port uint16) (Label, bool) {
	for _, name := range names {
		if l, ok := t.named(name); ok {
			return l, true
		}
	}
	if l, ok := t.addresses[to.Unmap()]; ok {
		return l, true
	}
	var key string
	switch protocol {
	case protoTCP:
		key = "tcp/"
	case protoUDP:
		key = "udp/"
	default:
		return Label{}, false
	}
	l, ok := t.ports[key+strconv.Itoa(int(port))]
	return l, ok
}

// named finds the row of a name, or of the nearest that it is below of.
func (t *Table) named(name string) (Label, bool) {
	for name = strings.ToLower(name); name != ""; {
		if l, ok := t.names[name]; ok {
			return l, true
		}
		_, name, _ = strings.Cut(name, ".")
	}
	return Label{}, false
}
