package firewall_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/long"
)

var update = flag.Bool("update", false, "hunt all mutants and write docs/containment.md anew")

// Where the table of mutants stands.
const (
	containment = "../docs/containment.md"
	tableBegin  = "<!-- mutants: begin; go test ./firewall -run TestMutants -update writes it -->\n"
	tableEnd    = "<!-- mutants: end -->\n"
)

// kept says why there is something that no test misses when it is gone.
func kept(m mutant) string {
	setting := m.id[strings.LastIndexByte(m.id, '/')+1:]
	switch {
	case strings.HasPrefix(m.id, "fwd-chatter") || m.id == "fwd-is-chatter":
		return "for a box where another program routes multicast, which this kernel does for nobody else"
	case m.section == "layers":
		return "the others hold all of it, in the same words"
	case m.section == "ipv4 nat" && strings.HasSuffix(m.id, "-log"):
		return "tells which foreign server was asked, and drops nothing; TestRealCamerasAreListedAndHeld misses it"
	case m.section == "ipv4 nat" && strings.HasPrefix(m.id, "nat-from-p-"):
		return "a port out of the bridge has no address to redirect to: what is asked there is dropped either way"
	case m.section != "settings":
		return ""
	case strings.HasPrefix(m.id, "net/ipv4/conf/p-") || strings.HasPrefix(m.id, "net/ipv6/conf/p-"):
		return "for a port out of the bridge; what the setting does is shown on the bridge, or said there"
	case setting == "accept_redirects":
		return "a kernel believes a redirect only of the router it uses, which no camera is while the recorder takes no router advertisement"
	case setting == "arp_announce":
		return "without L5 a question for an unpinned address would name an address of the uplink"
	case setting == "autoconf":
		return "without router advertisements there is nothing to configure from"
	case setting == "accept_source_route" && strings.HasPrefix(m.id, "net/ipv6"):
		return "the kernel follows a header of type 2 only to its own home address (mobile IPv6)"
	case setting == "forwarding" && strings.HasPrefix(m.id, "net/ipv6"):
		return "measured: it does not stop forwarding while the whole box forwards; it keeps the bridge a host that sends no router advertisements"
	}
	return ""
}

// cells are what the table says of a finding: with all else loaded, and where
// only its layer is.
func (f *finding) cells() (whole, alone string) {
	whole = f.whole
	switch {
	case whole == "" && f.holds != "":
		whole = "nothing: " + f.holds + " holds"
	case whole == "":
		whole = "nothing"
	case f.holds != "" && !strings.HasPrefix(whole, "leak"):
		whole += "; " + f.holds + " holds"
	}
	switch {
	case f.alone != "":
		alone = f.where + ": " + f.alone
	case f.whole == "":
		alone = strings.TrimSpace("*kept*: " + kept(f.mutant))
	default:
		alone = "the same"
	}
	return whole, alone
}

// tableOf writes findings, those that say the same in one row.
func tableOf(found []*finding) string {
	var b strings.Builder
	b.WriteString("| taken away | with all else loaded | with only its layer loaded |\n|---|---|---|\n")
	for len(found) > 0 {
		first := found[0]
		whole, alone := first.cells()
		same := func(f *finding) bool {
			w, a := f.cells()
			return f.section == first.section && w == whole && a == alone
		}
		var ids []string
		for _, f := range found {
			if same(f) {
				ids = append(ids, "`"+f.id+"`")
			}
		}
		fmt.Fprintf(&b, "| %s: %s | %s | %s |\n", first.section, strings.Join(ids, " "), whole, alone)
		found = slices.DeleteFunc(slices.Clone(found), same)
	}
	return b.String()
}

// row is what the document says of one mutant.
type row struct{ whole, alone string }

var inTicks = regexp.MustCompile("`([^`]+)`")

// committed reads the table in the document: by section and id.
func committed(t *testing.T) map[string]row {
	t.Helper()
	rows := map[string]row{}
	for line := range strings.Lines(documentTable(t)) {
		f := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(f) != 3 {
			continue
		}
		name, ids, _ := strings.Cut(strings.TrimSpace(f[0]), ": ")
		for _, m := range inTicks.FindAllStringSubmatch(ids, -1) {
			rows[name+": "+m[1]] = row{strings.TrimSpace(f[1]), strings.TrimSpace(f[2])}
		}
	}
	return rows
}

func documentTable(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(containment)
	must(t, err)
	_, rest, ok := strings.Cut(string(text), tableBegin)
	table, _, also := strings.Cut(rest, tableEnd)
	if !ok || !also {
		t.Fatalf("%s has no place for the table of mutants: %s%s", containment, tableBegin, tableEnd)
	}
	return table
}

func writeTable(t *testing.T, table string) {
	t.Helper()
	old := documentTable(t)
	text, err := os.ReadFile(containment)
	must(t, err)
	must(t, os.WriteFile(containment, []byte(strings.Replace(string(text), tableBegin+old, tableBegin+table, 1)), 0o644))
}

// The document lists what the compiler makes, no more and no less: whoever adds
// a rule runs the hunt, and says in review what it showed.
func TestMutantsInTheDocumentAreThoseOfTheRuleset(t *testing.T) {
	rows := committed(t)
	for _, m := range mutants(compile(t, mutationPolicy())) {
		name := m.section + ": " + m.id
		if _, ok := rows[name]; !ok && !*update {
			t.Errorf("%s is not in %s: go test ./firewall -run TestMutants -update", name, containment)
		}
		delete(rows, name)
	}
	for name := range rows {
		if !*update {
			t.Errorf("%s is in %s, but not in the ruleset: go test ./firewall -run TestMutants -update", name, containment)
		}
	}
}

// C3: whatever is taken away, somebody notices: by a leak, a service that is
// lost, or a hit with another layer or reason; with everything else loaded, or
// with only its layer, or in a state that others may bring the box into. Drift is
// not repaired here. In brief a sample is hunted, of which every run has the same.
func TestMutantsAreNoticed(t *testing.T) {
	list := mutants(compile(t, mutationPolicy()))
	whole := *update || long.Times(0, 1) > 0
	if !whole {
		const sample = 16 // one of so many
		var some []mutant
		for i, m := range list {
			if i%sample == 0 {
				some = append(some, m)
			}
		}
		list = some
	}
	l := newLab(t)
	l.proveLeaks(t)
	at := time.Now()
	found := l.hunt(list, whole)
	t.Logf("%d mutants hunted in %s", len(found), time.Since(at).Round(time.Second))
	if *update {
		writeTable(t, tableOf(found))
	}
	rows := committed(t)
	for _, f := range found {
		if f.whole == "" && f.alone == "" && whole && kept(f.mutant) == "" {
			t.Errorf("%s: %s: nobody notices that it is gone: a probe is missing, or it does nothing", f.section, f.id)
		}
		want := rows[f.section+": "+f.id]
		got := row{}
		got.whole, got.alone = f.cells()
		if !whole && (strings.Contains(want.alone, ", ") || f.alone == "") {
			got.alone = want.alone // the sample wears no disguises
		}
		if got != want {
			t.Errorf("%s: %s: %q, and %s says %q", f.section, f.id, got, containment, want)
		}
	}
}
