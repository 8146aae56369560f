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

// maxBundle is what the script and the styles may weigh together, gzipped.
const maxBundle = 60 << 10

// namespaces are names that look like addresses: a browser never asks for them.
var namespaces = []string{"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml", "http://www.w3.org/1998/Math/MathML"}

func TestCommittedBundleIsWhatTheSourcesMake(t *testing.T) {
	fresh, err := bundle.Files(".")
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range fresh {
		got, err := os.ReadFile(filepath.Join("dist", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("dist/%s is not what the sources make: run go generate ./ui/web", name)
		}
		if _, err := z.Write(want); err != nil {
			t.Fatal(err)
		}
		for _, outside := range regexp.MustCompile(`(?i)(https?:|wss?:|["'(\x60])//[a-z0-9.-]+\.[a-z]{2,}[a-z0-9/]*`).FindAllString(string(want), -1) {
			if !slices.Contains(namespaces, outside) {
				t.Errorf("%s names an outside address: %s", name, outside)
			}
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("bundle: %d bytes gzipped", packed.Len())
	if packed.Len() > maxBundle {
		t.Errorf("the bundle is %d bytes gzipped, more than %d", packed.Len(), maxBundle)
	}
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
