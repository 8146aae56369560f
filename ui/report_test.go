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
	"github.com/stockade-nvr/stockade/ui"
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
	status, header, body := site.ask(t, auditor, "GET", "/api/v1/report?from=2026-11-01T00:00:00Z&to=2026-11-08T00:00:00Z&page=ko", "")
	if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/html") || header.Get("Content-Security-Policy") != report.PagePolicy() ||
		!strings.Contains(string(body), `<html lang="ko">`) || strings.Contains(string(body), "<b>disarmed</b>") || !strings.Contains(string(body), "2026-11-01 09:00:00 &#43;09:00") {
		t.Errorf("page: %d %v %.2000s", status, header, body)
	}
	if status, _, _ := site.ask(t, auditor, "GET", "/api/v1/report?from=2026-11-01T00:00:00Z&page=fr", ""); status != http.StatusBadRequest {
		t.Errorf("a page in French: %d", status)
	}
}

// reported is a report with all that one can have.
func reported(_ context.Context, from, to time.Time, as string) (made ui.Report, err error) {
	at := from.Add(to.Sub(from) / 2)
	key, err := siteKey()
	if err != nil {
		return made, err
	}
	made.Text, err = report.Sign(report.Report{
		Version: 1, Site: "Camp North", Zone: "Asia/Seoul", Made: to, From: from, To: to, Complete: true, Packets: 20,
		Devices: []report.Device{{Device: "dev-gate", Cameras: []string{"gate"}, Packets: 20, Attempts: []report.Attempt{{
			ID: "a1", Reason: "egress", Source: "10.20.1.11", MAC: "02:00:00:00:00:11", Destination: "198.18.0.1", Host: "cloud.example",
			Protocol: "tcp", Port: 443, Packets: 20, First: at, Last: at, Rest: true,
		}}}},
		Proof: report.Proof{
			State: "disarmed", Reasons: []string{"disarmed"}, Since: at, Checked: at, Began: from, Alarms: []string{"a note"},
			Changes: []report.Change{{First: at, Last: at, Layer: "L3", Found: "a rule is gone", Done: "repaired", Count: 1}},
			Disarms: []report.Disarm{{When: at, Who: "kim", Why: "maintenance"}}, Account: report.Account{Dropped: 20, Read: 20},
			States:   []report.Stretch{{From: from, To: at, State: "contained", Proofs: 60}, {From: at, To: to, State: "disarmed", Why: "<b>disarmed</b>"}},
			Canary:   &report.Canary{At: at, Verdict: "leaking", Since: from, Paths: []report.Path{{ID: "udp4", Outcome: "leaked", Detail: "at up0"}}, Reasons: []string{"udp4 leaked"}},
			Unproved: "udp4 leaked", Findings: []string{"another gateway"}, Unseen: []string{"radio"},
		},
	}, key, to)
	if err == nil && as != "" {
		made.Text, err = report.Page(made.Text, as)
		made.Policy = report.PagePolicy()
	}
	return made, err
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
