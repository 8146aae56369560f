package ui_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/report"
	"github.com/stockade-nvr/stockade/internal/proof"
)

func TestAReportIsAuditedAndBounded(t *testing.T) {
	site := twoGroups().withAccounts(t)
	auditor := site.signIn(t, "auditor")
	status, _, body := site.ask(t, auditor, "GET", "/api/v1/report?from=2026-11-01T00:00:00Z&to=2026-11-08T00:00:00Z", "")
	if status != http.StatusOK || !strings.Contains(string(body), `"from":"2026-11-01T00:00:00Z"`) {
		t.Fatalf("%d %s", status, body)
	}
	if n := site.entries(t, "report.make"); n != 1 {
		t.Errorf("the audit has %d entries of it", n)
	}
	for _, bad := range []string{"", "?from=yesterday", "?from=2026-11-08T00:00:00Z&to=2026-11-01T00:00:00Z", "?from=2020-01-01T00:00:00Z&to=2026-11-01T00:00:00Z", "?from=2026-11-01T00:00:00Z&device=x"} {
		if status, _, _ := site.ask(t, auditor, "GET", "/api/v1/report"+bad, ""); status != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, status)
		}
	}
	if n := site.entries(t, "report.make"); n != 1 {
		t.Errorf("the audit has %d entries after what was refused", n)
	}
}

// reported is a report with all that one can have.
func reported(_ context.Context, from, to time.Time) ([]byte, error) {
	at := from.Add(to.Sub(from) / 2)
	key, err := siteKey()
	if err != nil {
		return nil, err
	}
	return report.Sign(report.Report{
		Version: 1, Site: "Camp North", Made: to, From: from, To: to, Complete: true, Packets: 20,
		Devices: []report.Device{{Device: "dev-gate", Packets: 20, Attempts: []report.Attempt{{
			ID: "a1", Reason: "egress", Source: "10.20.1.11", MAC: "02:00:00:00:00:11", Destination: "198.18.0.1", Host: "cloud.example",
			Protocol: "tcp", Port: 443, Packets: 20, First: at, Last: at, Rest: true,
		}}}},
		Proof: report.Proof{
			State: "disarmed", Reasons: []string{"disarmed"}, Since: at, Checked: at, Began: from, Alarms: []string{"a note"},
			Changes: []report.Change{{First: at, Last: at, Layer: "L3", Found: "a rule is gone", Done: "repaired", Count: 1}},
			Disarms: []report.Disarm{{When: at, Who: "kim", Why: "maintenance"}}, Account: report.Account{Dropped: 20, Read: 20},
			Canary: &report.Canary{At: at, Verdict: "contained"}, Findings: []string{"another gateway"}, Unseen: []string{"radio"},
		},
	}, key, to)
}

// siteKey makes a key that nobody keeps.
func siteKey() (key *proof.Key, err error) {
	dir, err := os.MkdirTemp("", "report-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return proof.OpenKey(dir)
}
