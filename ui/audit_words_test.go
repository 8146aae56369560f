package ui_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Texts of the code that look like an action of the audit, and those that are
// something else: files, fields of the site file, and what waits for a second admin.
var (
	actionText = regexp.MustCompile(`"([a-z]+\.[a-z]+(?:-[a-z]+)*)"`)
	noAction   = regexp.MustCompile(`\.(csv|ndjson|db|html|json|lock|sock)$|^(accounts|listen|owners|time|vcs)\.|^site\.(language|name|zone)$|^user\.external$|^storage\.(durability|segment|state|volumes)$`)
)

// TestEveryActionHasWords: what the code writes into the audit is said in both
// languages, and can be chosen with its like.
func TestEveryActionHasWords(t *testing.T) {
	var actions []string
	for _, where := range []string{"*.go", "auth/*.go", "audit/*.go", "../cmd/nvr/*.go"} {
		files, err := filepath.Glob(where)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			for _, m := range actionText.FindAllStringSubmatch(contents(t, f), -1) {
				if !noAction.MatchString(m[1]) && !slices.Contains(actions, m[1]) {
					actions = append(actions, m[1])
				}
			}
		}
	}
	if len(actions) < 40 {
		t.Fatal("only these are found:", actions)
	}
	for _, catalogue := range []string{"web/src/office/en.ts", "web/src/office/ko.ts"} {
		_, words, _ := strings.Cut(contents(t, catalogue), "\n  action: {")
		for _, a := range actions {
			group, _, _ := strings.Cut(a, ".")
			if !strings.Contains(words, `"`+a+`": "`) || !strings.Contains(words, `["`+group+`.", "`) {
				t.Errorf("%s has no words for %s, or none for the group %s.", catalogue, a, group)
			}
		}
	}
}

func contents(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
