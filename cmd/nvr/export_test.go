package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExportSaysWhatIsNotInTheFile: the rest of the range is another file.
func TestExportSaysWhatIsNotInTheFile(t *testing.T) {
	for next, want := range map[string]string{
		"":                               "",
		"2026-11-23T05:10:00.123456789Z": "--from 2026-11-23T05:10:00.123456789Z",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if next != "" {
				w.Header().Set("X-Play-Next", next)
			}
			_, _ = w.Write([]byte("film"))
		}))
		var stdout, stderr bytes.Buffer
		output := filepath.Join(t.TempDir(), "out.mp4")
		c := newExportCommand()
		c.SetOut(&stdout)
		c.SetErr(&stderr)
		c.SetArgs([]string{"--server", server.URL, "--camera", "gate", "--from", "2026-11-23T05:00:00Z", "--to", "2026-11-23T06:00:00Z", "--reason", "theft", "-o", output})
		err := c.Execute()
		server.Close()
		if err != nil || !strings.Contains(stdout.String(), "4 bytes") {
			t.Fatal(err, stdout.String())
		}
		if b, err := os.ReadFile(output); err != nil || string(b) != "film" {
			t.Errorf("%q %v", b, err)
		}
		if got := stderr.String(); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("said %q, want %q", got, want)
		}
	}
}
