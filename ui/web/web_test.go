package web_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/ui/web"
	"github.com/stockade-nvr/stockade/ui/web/internal/bundle"
)

// What scripts and styles may weigh, gzipped: what everybody loads at once, and
// all there is.
const (
	maxCore = 60 << 10
	maxAll  = 132 << 10
)

// namespaces are names that look like addresses: a browser never asks for them.
var namespaces = []string{"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml", "http://www.w3.org/1998/Math/MathML"}

func TestCommittedBundleIsWhatTheSourcesMake(t *testing.T) {
	fresh, err := bundle.Files(".")
	if err != nil {
		t.Fatal(err)
	}
	core := core(fresh)
	all, first := 0, 0
	for name, want := range fresh {
		got, err := os.ReadFile(filepath.Join("dist", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("dist/%s is not what the sources make: run go generate ./ui/web", name)
		}
		all += packed(t, want)
		if core[name] {
			first += packed(t, want)
		}
		for _, outside := range regexp.MustCompile(`(?i)(https?:|wss?:|["'(\x60])//[a-z0-9.-]+\.[a-z]{2,}[a-z0-9/]*`).FindAllString(string(want), -1) {
			if !slices.Contains(namespaces, outside) {
				t.Errorf("%s names an outside address: %s", name, outside)
			}
		}
	}
	committed, err := os.ReadDir("dist")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range committed {
		if fresh[f.Name()] == nil {
			t.Errorf("dist/%s is of an earlier build: run go generate ./ui/web", f.Name())
		}
	}
	t.Logf("gzipped: %d bytes at once, %d in all", first, all)
	if first > maxCore {
		t.Errorf("the core is %d bytes gzipped, more than %d", first, maxCore)
	}
	if all > maxAll {
		t.Errorf("all scripts and styles are %d bytes gzipped, more than %d", all, maxAll)
	}
}

// core names the files that the page loads before anybody does anything.
func core(files map[string][]byte) map[string]bool {
	static := regexp.MustCompile(`(?:from|import)"\./([^"]+)"`)
	found := map[string]bool{"style.css": true}
	var add func(name string)
	add = func(name string) {
		if found[name] {
			return
		}
		found[name] = true
		for _, m := range static.FindAllSubmatch(files[name], -1) {
			add(string(m[1]))
		}
	}
	add("app.js")
	return found
}

// packed gives the size of a file, gzipped.
func packed(t *testing.T, text []byte) int {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

func TestVendoredPackagesAreThoseOfTheManifest(t *testing.T) {
	text, err := os.ReadFile("vendor/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Packages []struct {
			Name, Version, Licence, Integrity string
			Files                             map[string]string
		}
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{"manifest.json": true}
	for _, p := range manifest.Packages {
		if p.Licence == "" || p.Version == "" || p.Integrity == "" || p.Files["LICENSE"] == "" {
			t.Errorf("%s: licence, version or integrity is missing", p.Name)
		}
		for name, want := range p.Files {
			path := filepath.Join(p.Name, name)
			listed[filepath.ToSlash(path)] = true
			b, err := os.ReadFile(filepath.Join("vendor", path))
			if err != nil {
				t.Error(err)
				continue
			}
			if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
				t.Errorf("%s was changed", path)
			}
		}
		notices, err := os.ReadFile("static/notices.txt")
		if err != nil || !strings.Contains(string(notices), "== "+p.Name+"\n") {
			t.Errorf("static/notices.txt lacks %s", p.Name)
		}
	}
	err = fs.WalkDir(os.DirFS("vendor"), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !listed[path] {
			t.Errorf("vendor/%s is not in the manifest", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestHandlerServesWithTypesAndTags(t *testing.T) {
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/assets/app.js": "text/javascript; charset=utf-8",
		"/assets/style.css": "text/css; charset=utf-8", "/assets/icon.svg": "image/svg+xml", "/assets/notices.txt": "text/plain; charset=utf-8",
	} {
		w := httptest.NewRecorder()
		web.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Body.Len() == 0 {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		again := httptest.NewRequest(http.MethodGet, path, nil)
		again.Header.Set("If-None-Match", w.Header().Get("ETag"))
		w = httptest.NewRecorder()
		web.Handler().ServeHTTP(w, again)
		if w.Code != 304 {
			t.Errorf("%s again: %d", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	web.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/assets/web.go", nil))
	if w.Code != 404 {
		t.Error("status", w.Code)
	}
}
