package house_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// allowed lists, for each package, which of ours it may import: arrows point
// one way (docs/architecture.md). A trailing /... allows everything below. An
// internal package has the row of the folder that it is internal to. The linter
// has the same table, or TestTheLinterHasTheSameTable prints what it should say.
// Rows may stand here before their packages do.
var allowed = map[string][]string{
	"cmd/nvr":     {"..."},
	"configs":     {"internal/durable"},
	"configs/deb": {},

	"streams/media":    {},
	"streams/rtsp":     {"streams/media", "internal/pinned"},
	"streams/fmp4":     {"streams/media"},
	"streams":          {"streams/media", "streams/rtsp"},
	"streams/restream": {"streams", "streams/media"},
	"streams/onvif":    {"internal/challenge", "internal/pinned"},

	"storage":     {"storage/vfs"},
	"storage/vfs": {},

	"recorder/segment":  {"streams/media", "streams/fmp4"},
	"recorder":          {"streams", "streams/media", "recorder/segment", "storage"},
	"recorder/playback": {"recorder/segment", "storage", "streams/fmp4", "streams/media"}, // docs/decisions/0004
	"recorder/export":   {"recorder/playback", "storage"},

	"firewall/ruleset":   {},
	"firewall/netfilter": {"firewall/ruleset", "firewall/outguard"},
	"firewall/outguard":  {"internal/durable"},
	"firewall/nflog":     {},
	"firewall/sinkhole":  {},
	"firewall/journal":   {"firewall/nflog", "firewall/pattern", "firewall/filter", "firewall/said"},
	"firewall/clouds":    {},
	"firewall/places":    {},
	"firewall/said":      {},
	"firewall/pattern":   {},
	"firewall/filter":    {},
	"firewall/sightings": {"firewall/nflog", "internal/durable"},
	"firewall/canary":    {"internal/frames"},
	"firewall/report":    {"firewall/journal", "internal/proof"},
	"firewall/outputs":   {"firewall/journal", "firewall/nflog", "internal/durable"},
	"firewall/managers":  {"internal/durable"},
	"firewall": {
		"firewall/ruleset", "firewall/netfilter", "firewall/nflog", "firewall/sinkhole", "firewall/journal", "firewall/sightings", "firewall/canary",
		"firewall/managers", "internal/durable", "internal/proof", // docs/decisions/0009
	},

	"inspect": {"streams/onvif"},

	"ui/auth":     {"internal/guarded"},
	"ui/auth/sso": {},
	"ui/cert":     {"internal/durable"},
	"ui/audit":    {"internal/guarded", "internal/proof"},
	"ui/live":     {"streams", "streams/media", "streams/fmp4"},
	"ui/tunnel":   {"internal/challenge", "internal/pinned"},
	"ui/web":      {},
	"ui": {
		"ui/...", "streams", "streams/...", "storage", "recorder", "recorder/...", "firewall", "firewall/...",
		"inspect", "internal/pinned", "internal/proof", "internal/alarm",
	},
	"ui/web/build":      {"ui/web/internal/bundle"},
	"ui/uitest":         {},
	"ui/uitest/screens": {"ui/uitest"},

	"internal/challenge":       {},
	"internal/durable":         {},
	"internal/frames":          {},
	"internal/guarded":         {},
	"internal/pinned":          {},
	"internal/proof":           {},
	"internal/alarm":           {},
	"internal/house":           {},
	"internal/long":            {},
	"internal/oui":             {},
	"internal/lab":             {"internal/lab/clips", "internal/lab/ns"},
	"internal/lab/machine":     {},
	"internal/lab/ns":          {},
	"internal/lab/spawn":       {"internal/lab/ns"},
	"internal/lab/clips":       {},
	"internal/lab/clips/make":  {"internal/lab/clips/paint"},
	"internal/lab/clips/paint": {"internal/lab/clips/block"},
	"internal/lab/clips/block": {},
}

// rowOf gives the row of a package.
func rowOf(from string) ([]string, bool) {
	row, ok := allowed[from]
	for !ok {
		i := strings.LastIndex(from, "/internal/")
		if i < 0 {
			return nil, false
		}
		from = from[:i]
		row, ok = allowed[from]
	}
	return row, true
}

// match tells whether a row allows a package; those internal to the importer's
// own folder are its own.
func match(from string, row []string, to string) bool {
	if strings.HasPrefix(to, from+"/internal/") {
		return true
	}
	return slices.ContainsFunc(row, func(p string) bool {
		if base, ok := strings.CutSuffix(p, "..."); ok {
			return strings.HasPrefix(to, base)
		}
		return p == to
	})
}

func TestArrowsBetweenPackagesPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module+"/")
		row, known := rowOf(from)
		if !known {
			t.Errorf("package %s is not in the table of allowed imports: add it there and to docs/architecture.md", from)
			continue
		}
		for _, imp := range p.Imports {
			if to, ours := strings.CutPrefix(imp, module+"/"); ours && !match(from, row, to) {
				t.Errorf("%s imports %s, which it must not", from, to)
			}
			if imp == "github.com/bluenviron/gortsplib/v4" && from != "streams/rtsp" && from != "streams/restream" && !strings.HasPrefix(from, "internal/lab") {
				t.Errorf("%s imports the RTSP library itself: only streams/rtsp may", from)
			}
		}
	}
}

func TestRowsOfPackagesThatAreNotThere(t *testing.T) {
	for from, want := range map[string][]string{
		"recorder/internal/footage": allowed["recorder"],
		"ui/web/internal/bundle":    allowed["ui/web"],
	} {
		if row, ok := rowOf(from); !ok || !slices.Equal(row, want) {
			t.Errorf("%s has the row %v, want its parent's", from, row)
		}
	}
	for _, from := range []string{"ui/new", "internal/new", "storage/new/below", "firewall/internal"} {
		if _, ok := rowOf(from); ok {
			t.Errorf("%s has a row without being in the table", from)
		}
	}
}

// lintRule is a rule of depguard.
type lintRule struct {
	Mode  string              `yaml:"list-mode"`
	Files []string            `yaml:"files"`
	Allow []string            `yaml:"allow"`
	Deny  []map[string]string `yaml:"deny"`
}

// lintRules are the rules that the table means. In depguard's lax mode the more
// specific of allow and deny wins; a $ ends a package's name.
func lintRules() map[string]lintRule {
	rules := map[string]lintRule{}
	for from, row := range allowed {
		if slices.Contains(row, "...") {
			continue
		}
		allow := []string{}
		if !slices.Contains(row, from+"/...") { // depguard finds only one of two prefixes that overlap
			row = append([]string{from + "/internal/..."}, row...)
		}
		for _, to := range row {
			if base, ok := strings.CutSuffix(to, "..."); ok {
				allow = append(allow, module+"/"+base)
			} else {
				allow = append(allow, module+"/"+to+"$")
			}
		}
		rules[from] = lintRule{
			Mode:  "lax",
			Files: []string{"**/" + from + "/*.go", "**/" + from + "/internal/**/*.go", "!$test"},
			Allow: allow,
			Deny:  []map[string]string{{"pkg": module, "desc": "arrows point one way: see internal/house/imports_test.go"}},
		}
	}
	return rules
}

// lintText is how the rules stand in the linter's configuration.
func lintText(rules map[string]lintRule) string {
	var b strings.Builder
	list := func(key string, words []string) {
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = strconv.Quote(w)
		}
		fmt.Fprintf(&b, "          %s: [%s]\n", key, strings.Join(quoted, ", "))
	}
	for _, from := range slices.Sorted(maps.Keys(rules)) {
		r := rules[from]
		fmt.Fprintf(&b, "        %s:\n          list-mode: %s\n", from, r.Mode)
		list("files", r.Files)
		list("allow", r.Allow)
		b.WriteString("          deny:\n")
		for _, d := range r.Deny {
			fmt.Fprintf(&b, "            - {pkg: %q, desc: %q}\n", d["pkg"], d["desc"])
		}
	}
	return b.String()
}

func TestTheLinterHasTheSameTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]lintRule `yaml:"rules"`
				} `yaml:"depguard"`
			} `yaml:"settings"`
		} `yaml:"linters"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	have := config.Linters.Settings.Depguard.Rules
	maps.DeleteFunc(have, func(name string, _ lintRule) bool { return name == "gortsplib" || name == "logging" })
	want := lintRules()
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("depguard's rules in .golangci.yml differ from the table:\n%s\nthey should be\n%s", diff, lintText(want))
	}
}
