package house_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/stockade-nvr/stockade"

// allowed lists, for each package, which of ours it may import (DESIGN: arrows
// point one way). A trailing /... allows everything below.
var allowed = map[string][]string{
	"cmd/nvr":            {"..."},
	"configs":            {},
	"streams/media":      {},
	"streams/rtsp":       {"streams/media"},
	"streams/fmp4":       {"streams/media"},
	"streams":            {"streams/media", "streams/rtsp"},
	"storage":            {"storage/vfs"},
	"storage/vfs":        {},
	"recorder/segment":   {"streams/media", "streams/fmp4", "storage"},
	"recorder":           {"streams", "streams/media", "recorder/segment", "storage"},
	"recorder/playback":  {"recorder/segment", "storage", "streams/media", "streams/fmp4"},
	"firewall/ruleset":   {},
	"firewall/netfilter": {"firewall/ruleset"},
	"firewall/nflog":     {},
	"firewall/sinkhole":  {},
	"firewall/journal":   {"firewall/nflog"},
	"firewall":           {"firewall/ruleset", "firewall/netfilter", "firewall/nflog", "firewall/sinkhole", "firewall/journal"},
	"ui":                 {"ui/...", "configs", "streams/...", "streams", "storage", "recorder/...", "recorder", "firewall/...", "firewall"},
	"ui/auth":            {},
	"ui/live":            {"streams", "streams/media", "streams/fmp4"},
	"ui/web":             {},
	"ui/cert":            {},
	"ui/audit":           {"internal/proof"},
	"internal/proof":     {},
	"ui/auth/sso":        {},
	"internal/lab":       {"internal/lab/...", "configs"},
	"internal/lab/ns":    {},
	"internal/house":     {},
}

type pkg struct {
	ImportPath   string
	Dir          string
	Name         string
	Doc          string
	Imports      []string
	TestGoFiles  []string
	XTestGoFiles []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Name,Doc,Imports", "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("list packages:", err)
	}
	var all []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for dec.More() {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 5 {
		t.Fatalf("found only %d packages", len(all))
	}
	return all
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func match(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if base, ok := strings.CutSuffix(p, "..."); ok {
			return strings.HasPrefix(path, base)
		}
		return p == path
	})
}

func TestArrowsBetweenPackagesPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module+"/")
		may, known := allowed[from]
		if !known {
			// What only builds or tests something belongs to the folder it lies in.
			if p.Name == "main" || strings.Contains(from, "/internal/") || strings.HasPrefix(from, "ui/") || strings.HasPrefix(from, "internal/lab/") {
				continue
			}
			t.Errorf("package %s is not in the table of allowed imports: add it there and to docs/architecture.md", from)
			continue
		}
		for _, imp := range p.Imports {
			to, ours := strings.CutPrefix(imp, module+"/")
			if ours && !match(may, to) {
				t.Errorf("%s imports %s, which it must not", from, to)
			}
			if imp == "github.com/bluenviron/gortsplib/v4" && from != "streams/rtsp" && !strings.HasPrefix(from, "internal/lab") {
				t.Errorf("%s imports the RTSP library itself: only streams/rtsp may", from)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func TestTopLevelFoldersAreTheCustomers(t *testing.T) {
	known := []string{"cmd", "recorder", "streams", "firewall", "storage", "ui", "configs", "inspect", "internal", "docs", "bin"}
	entries, err := os.ReadDir(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !slices.Contains(known, e.Name()) {
			t.Errorf("top-level folder %s needs a decision record", e.Name())
		}
	}
}

// pathInDocs finds `code spans` that look like a path of this repository.
var pathInDocs = regexp.MustCompile("`((?:cmd|recorder|streams|firewall|storage|ui|configs|internal|docs)/[A-Za-z0-9_./-]+)`|\\]\\(((?:\\.\\./|\\./)?[A-Za-z0-9_./-]+\\.(?:md|png))\\)")

func TestPathsInDocumentsExist(t *testing.T) {
	top := root(t)
	var docs []string
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != top || d.Name() == "node_modules" || d.Name() == "vendor") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			docs = append(docs, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) < 3 {
		t.Fatalf("found only %d documents", len(docs))
	}
	for _, doc := range docs {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pathInDocs.FindAllStringSubmatch(string(text), -1) {
			path := filepath.Join(top, m[1])
			if m[1] == "" {
				path = filepath.Join(filepath.Dir(doc), m[2])
			}
			if _, err := os.Stat(strings.TrimSuffix(path, "/...")); err != nil {
				rel, _ := filepath.Rel(top, doc)
				t.Errorf("%s names %s%s, which does not exist", rel, m[1], m[2])
			}
		}
	}
}
