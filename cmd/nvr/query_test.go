package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
)

// Whatever text a camera chose, and whatever a recorder answers, a terminal obeys none of it.
func TestTablesObeyNoForeignEscape(t *testing.T) {
	const esc = `\u001b[2J\u0007\u009bevil`
	tests := map[string]struct {
		table  func(io.Reader, *tabwriter.Writer) error
		answer string
		says   string
	}{
		"attempts": {printAttempts, `{"attempts":[{"id":"1","mac":"02:00:00:00:00:99` + esc + `","source":"10.20.9.9` + esc + `","protocol":"TCP` + esc + `","port":443,
			"address":"198.18.0.1` + esc + `","icmp_type":-1,"host":"` + esc + `.example","reason":"egress` + esc + `","count":3}]}`, "egress"},
		"cameras": {printCameras, `{"cameras":[{"id":"gate` + esc + `","streams":[{"stream":"main` + esc + `","state":"down` + esc + `","codec":"H.264` + esc + `",
			"recording":"waiting` + esc + `","detail":"401 ` + esc + `"},{"stream":"sub","cause":"auth` + esc + `"}]}]}`, "gate"},
		"gaps":       {printGaps, `{"gaps":[{"from":"2026-11-23T14:05:00Z","reason":"protocol` + esc + `","detail":"the camera said ` + esc + `"}]}`, "the camera said"},
		"devices":    {printDevices, `{"devices":[{"id":"d` + esc + `","ip":"` + esc + `","mac":"` + esc + `","maker":"` + esc + `","model":"` + esc + `","cameras":["` + esc + `"]}]}`, "DEVICE"},
		"recordings": {printRecordings, `{"recordings":[{"start":"2026-11-23T14:05:00Z","end":"2026-11-23T14:06:00Z","state":"` + esc + `","run":"` + esc + `"}]}`, "60.0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
			if err := tt.table(strings.NewReader(tt.answer), w); err != nil {
				t.Fatal(err)
			}
			w.Flush()
			got := out.String()
			if strings.ContainsAny(got, "\x1b\a\u009b") || !strings.Contains(got, "evil") || !strings.Contains(got, tt.says) {
				t.Errorf("the table reads\n%q", got)
			}
		})
	}
	if got := printableLines("a\n\x1b[2Jb\nc"); got != "a\n\"\\x1b[2Jb\"\nc" {
		t.Errorf("lines read %q", got)
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
