package ui_test

import (
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/ui/audit"
)

// change asks for a change of the site file of a revision.
func (a *accountSite) change(t *testing.T, v *visitor, method, where, revision, body string) (status int, text string) {
	t.Helper()
	header := map[string]string{
		"If-Match": revision, "Origin": a.base, "Sec-Fetch-Site": "same-origin", "Cookie": "nvr=" + v.cookie, "X-CSRF-Token": v.csrf,
	}
	if body != "" {
		header["Content-Type"] = "application/json"
	}
	status, _, text = ask(t, a.base, method, where, header, strings.NewReader(body))
	return status, text
}

func TestPinningIsOfOneRevisionAndInTheAudit(t *testing.T) {
	site := smallSite().withAccounts(t)
	admin := site.signIn(t, "admin")
	const dock = `{"devices":[{"id":"dock","mac":"02:00:00:00:00:31","ip":"10.20.1.31"}]}`
	audited := func(action string) []audit.Entry {
		t.Helper()
		page, err := site.audit.Query(t.Context(), audit.Filter{Action: action})
		if err != nil {
			t.Fatal(err)
		}
		return page.Entries
	}
	for _, c := range []struct {
		name, method, where, revision, body string
		status                              int
		says                                string
	}{
		{"without a revision", "POST", "/api/v1/devices", "", dock, 400, "If-Match"},
		{"of any revision", "POST", "/api/v1/devices", "*", dock, 400, "If-Match"},
		{"of another revision", "POST", "/api/v1/devices", `"rev7"`, dock, 409, "rev0"},
		{"nobody", "POST", "/api/v1/devices", "rev0", `{"devices":[]}`, 400, "0 devices"},
		{"an address that is taken", "POST", "/api/v1/devices", "rev0", strings.Replace(dock, ".31\"", ".11\"", 1), 400, "already"},
		{"one", "POST", "/api/v1/devices", `"rev0"`, dock, 200, `"in_force":true`},
		{"again", "POST", "/api/v1/devices", "rev0", dock, 409, "rev1"},
		{"unpin one that a camera uses", "DELETE", "/api/v1/devices/dev-gate", "rev1", "", 409, "camera gate"},
		{"unpin without a revision", "DELETE", "/api/v1/devices/dock", "", "", 400, "If-Match"},
		{"unpin", "DELETE", "/api/v1/devices/dock", "rev1", "", 200, "rev2"},
		{"unpin again", "DELETE", "/api/v1/devices/dock", "rev2", "", 404, ""},
	} {
		if status, text := site.change(t, admin, c.method, c.where, c.revision, c.body); status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d %s", c.name, status, text)
		}
	}
	pins, unpins := audited("device.pin"), audited("device.unpin")
	if len(pins) != 1 || len(unpins) != 1 {
		t.Fatalf("%d pins, %d unpins in the audit", len(pins), len(unpins))
	}
	if e := pins[0]; e.Actor != "admin" || e.Object != "device:dock" || e.Before != nil || !strings.Contains(string(e.After), "02:00:00:00:00:31") {
		t.Errorf("%+v", e)
	}
	if e := unpins[0]; e.After != nil || !strings.Contains(string(e.Before), "10.20.1.31") {
		t.Errorf("%+v", e)
	}
	// Somebody is quicker than the write: told, and in the audit as refused.
	site.enrol.mu.Lock()
	site.enrol.stubborn = true
	site.enrol.mu.Unlock()
	if status, text := site.change(t, admin, "POST", "/api/v1/devices", "rev2", dock); status != 409 {
		t.Error(status, text)
	}
	if all := audited("device.pin"); len(all) != 3 || all[0].Outcome != "refused" || all[0].After != nil {
		t.Errorf("%+v", all)
	}
}
