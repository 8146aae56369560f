package main

import (
	"bytes"
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
		{"export", "--camera", "gate", "--from", "x", "--to", "y", "-o", "/nonexistent/x.mp4"},
	} {
		c := newCommand(nil)
		c.SetArgs(args)
		c.SetOut(&bytes.Buffer{})
		if err := c.Execute(); err == nil || !strings.Contains(err.Error(), "RFC 3339") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
