package configs_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/configs"
)

// told is valid, with somebody who is told.
const told = valid + `
outputs:
  - {id: siem, to: "siem.camp.example:6514", format: zeek, ca_file: /etc/nvr/siem-ca.crt}
  - {id: log, to: "192.0.2.9:601", transport: tcp}
`

func TestOutputsAreRead(t *testing.T) {
	s, err := configs.Parse([]byte(told))
	if err != nil {
		t.Fatal(err)
	}
	want := []configs.Output{
		{ID: "siem", To: "siem.camp.example:6514", TLS: true, Format: "zeek", CAFile: "/etc/nvr/siem-ca.crt"},
		{ID: "log", To: "192.0.2.9:601", Format: "cef"},
	}
	if diff := cmp.Diff(want, s.Outputs); diff != "" {
		t.Error(diff)
	}
}

func TestWrongOutputsAreToldWithTheirPlace(t *testing.T) {
	for _, c := range []struct{ old, new, path, says string }{
		{`"192.0.2.9:601"`, `"10.20.3.4:601"`, "outputs[1].to", "camera side"},
		{`"192.0.2.9:601"`, `"[::ffff:10.20.3.4]:601"`, "outputs[1].to", "camera side"},
		{`"192.0.2.9:601"`, `"198.18.0.7:601"`, "outputs[1].to", "no receiver's address"},
		{`"192.0.2.9:601"`, `"192.0.2.9"`, "outputs[1].to", "HOST:PORT"},
		{`"192.0.2.9:601"`, `"a b:601"`, "outputs[1].to", "neither an address"},
		{"id: log", "id: siem", "outputs[1].id", "already"},
		{"format: zeek", "format: xml", "outputs[0].format", "cef or zeek"},
		{"transport: tcp", "transport: tcp, ca_file: /a", "outputs[1].ca_file", "without TLS"},
		{"format: zeek", "key_file: /a", "outputs[0]", "go together"},
	} {
		_, err := configs.Parse([]byte(strings.Replace(told, c.old, c.new, 1)))
		var problems configs.Problems
		if !errors.As(err, &problems) || len(problems) != 1 {
			t.Errorf("%s: %v", c.new, err)
			continue
		}
		if p := problems[0]; p.Path != c.path || !strings.Contains(p.String(), c.says) || p.Line < strings.Count(valid, "\n") {
			t.Errorf("%s: says %s", c.new, p)
		}
	}
}
