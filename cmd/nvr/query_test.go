package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
)

func TestAttemptsTableObeysNoForeignEscape(t *testing.T) {
	var out bytes.Buffer
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	answer := `{"attempts":[{"id":"1","mac":"02:00:00:00:00:99","source":"10.20.9.9","protocol":"TCP","port":443,
		"address":"198.18.0.1","icmp_type":-1,"host":"\u001b[2Jevil.example","reason":"egress","count":3}]}`
	if err := printAttempts(strings.NewReader(answer), w); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	if got := out.String(); strings.Contains(got, "\x1b") || !strings.Contains(got, "evil.example") || !strings.Contains(got, "TCP/443") {
		t.Errorf("table reads\n%s", got)
	}
}

func TestQueryRefusesATimeThatIsNone(t *testing.T) {
	for _, args := range [][]string{
		{"recordings", "--camera", "gate", "--from", "yesterday"},
		{"attempts", "--since", "5m"},
		{"export", "--camera", "gate", "--from", "x", "--to", "y", "--reason", "z", "-o", "/nonexistent/x.mp4"},
	} {
		c := newCommand(nil)
		c.SetArgs(args)
		c.SetOut(&bytes.Buffer{})
		if err := c.Execute(); err == nil || !strings.Contains(err.Error(), "RFC 3339") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestTokenIsKeptFromOthers(t *testing.T) {
	dir := t.TempDir()
	closed, open := filepath.Join(dir, "closed"), filepath.Join(dir, "open")
	for file, mode := range map[string]os.FileMode{closed: 0o600, open: 0o644} {
		if err := os.WriteFile(file, []byte("nvr_x\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		flags serverFlags
		says  string
	}{
		"a file that all can read": {serverFlags{server: "https://10.0.0.5", tokenFile: open}, "chmod 600"},
		"over plain HTTP":          {serverFlags{server: "http://10.0.0.5", tokenFile: closed}, "https://"},
		"over TLS":                 {serverFlags{server: "https://10.0.0.5", tokenFile: closed}, ""},
		"to loopback":              {serverFlags{server: "http://127.0.0.1:8080", tokenFile: closed}, ""},
		"another scheme":           {serverFlags{server: "ftp://10.0.0.5"}, "not an address"},
		"a root that is none":      {serverFlags{server: "https://10.0.0.5", caFile: closed}, "no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.flags.client()
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}
