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

type pkg struct {
	ImportPath string
	Dir        string
	Name       string
	Doc        string
	Imports    []string
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

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		text, err := os.ReadFile(filepath.Join(p.Dir, "doc.go"))
		if err != nil {
			t.Errorf("%s has no doc.go: say there what it is, what not, and what it costs", p.ImportPath)
			continue
		}
		if p.Doc == "" || !strings.HasPrefix(string(text), "// Package ") && !strings.HasPrefix(string(text), "// Command ") {
			t.Errorf("%s: the package's comment stands in doc.go, first", p.ImportPath)
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
var pathInDocs = regexp.MustCompile("`((?:cmd|recorder|streams|firewall|storage|ui|configs|internal|docs|inspect)/[A-Za-z0-9_./-]+)`|\\]\\(((?:\\.\\./|\\./)?[A-Za-z0-9_./-]+\\.(?:md|png))\\)")

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
