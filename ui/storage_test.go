package ui_test

import (
	"testing"

	"github.com/stockade-nvr/stockade/ui/audit"
)

func TestAConfirmedClockIsInTheAudit(t *testing.T) {
	site := smallSite().withAccounts(t)
	if status, _, body := site.ask(t, site.signIn(t, "auditor"), "POST", "/api/v1/storage/clock", "{}"); status != 403 || site.confirmed.Load() != 0 {
		t.Error("an auditor confirms the clock:", status, body)
	}
	if status, _, body := site.ask(t, site.signIn(t, "admin"), "POST", "/api/v1/storage/clock", "{}"); status != 200 || site.confirmed.Load() != 1 {
		t.Error(status, body, site.confirmed.Load())
	}
	page, err := site.audit.Query(t.Context(), audit.Filter{Action: "storage.clock-confirmed"})
	if err != nil || len(page.Entries) != 1 || page.Entries[0].Actor != "admin" {
		t.Error(page.Entries, err)
	}
}
