package house_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A document that says which test holds which invariant names tests that are
// there, and leaves no invariant out that must have one.
func TestInvariantsAreHeldByTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "containment.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "\n## Held by\n")
	if !ok {
		t.Fatal("docs/containment.md does not say which tests hold which invariant")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	held := map[string]bool{}
	for line := range strings.Lines(table) {
		f := strings.Split(line, "|")
		if len(f) != 4 || !strings.HasPrefix(strings.TrimSpace(f[1]), "C") {
			continue
		}
		invariant := strings.TrimSpace(f[1])
		for part := range strings.SplitSeq(f[2], ";") {
			pkg, tests, _ := strings.Cut(strings.TrimSpace(part), ": ")
			names := inTicks.FindAllString(tests, -1)
			if len(names) == 0 {
				t.Errorf("%s: %q names no test", invariant, part)
			}
			there := testsIn(t, strings.Trim(pkg, "`"))
			for _, n := range names {
				if !slices.Contains(there, strings.Trim(n, "`")) {
					t.Errorf("%s: there is no test %s in %s", invariant, n, pkg)
				}
				held[invariant] = true
			}
		}
	}
	for _, c := range []string{"C1", "C2", "C3", "C4", "C5", "C6", "C7", "C9", "C10", "C13"} {
		if !held[c] {
			t.Errorf("docs/containment.md names no test that holds %s", c)
		}
	}
}

var (
	inTicks  = regexp.MustCompile("`[^`]+`")
	testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
)

// testsIn gives the names of a package's tests.
func testsIn(t *testing.T, pkg string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
	}
	return names
}
