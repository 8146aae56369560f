package ui_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// fakeHolds keeps holds, and deletes nothing but a number.
type fakeHolds struct {
	mu      sync.Mutex // guards what follows
	list    []ui.HoldView
	deleted []string // by whom, and why
	changed bool     // what would be deleted is not what a plan said
	stay    int      // segments that a hold keeps, though the plan had them
	broken  error    // of Place
}

func (f *fakeHolds) Holds() ([]ui.HoldView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list), nil
}

func (f *fakeHolds) Place(_ context.Context, h ui.HoldView) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken == nil {
		f.list = append(f.list, h)
	}
	return f.broken
}

func (f *fakeHolds) Remove(_ context.Context, id, _, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.list)
	f.list = slices.DeleteFunc(f.list, func(h ui.HoldView) bool { return h.ID == id })
	if len(f.list) == n {
		return ui.ErrNotFound
	}
	return nil
}

func (f *fakeHolds) Plan(camera string, from, to time.Time, plan string) (ui.DeletionView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if plan != "" && (plan != "plan-1" || f.changed) {
		return ui.DeletionView{}, &ui.Problem{Status: http.StatusConflict, Message: "what would be deleted is not what the plan said any more", Fix: "look again"}
	}
	part := ui.DeletionPart{Stream: "main", From: from, To: to, Segments: 3, Bytes: 3 << 30}
	v := ui.DeletionView{
		Camera: camera, From: from, To: to, Plan: "plan-1", Segments: 3, Bytes: 3 << 30, Ranges: []ui.DeletionPart{part},
		Held: []ui.DeletionPart{}, Growing: []ui.DeletionPart{}, Away: []ui.DeletionPart{},
	}
	for _, h := range f.list {
		if h.Camera == camera && h.From.Before(to) && h.To.After(from) {
			v.Held = append(v.Held, ui.DeletionPart{Stream: "main", From: h.From, To: h.To, Segments: 1, Bytes: 1 << 30})
		}
	}
	return v, nil
}

func (f *fakeHolds) Delete(_ context.Context, d ui.DeletionView, by, why string) (ui.DeletedView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deleted = append(f.deleted, d.Camera+" by "+by+": "+why)
	return ui.DeletedView{Segments: d.Segments - f.stay, Bytes: d.Bytes, Held: f.stay}, nil
}

func (f *fakeHolds) done() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.deleted)
}

// held is a site with a second admin, with two persons or without.
func held(t *testing.T, two bool) *accountSite {
	t.Helper()
	site := twoGroups().withAccounts(t)
	site.add(t, auth.NewUser{Name: "second", Grant: auth.Grant{Role: auth.Admin}})
	policy := *site.policy.Load()
	policy.TwoPersons, policy.ConfirmWithin = two, 15*time.Minute
	site.policy.Store(&policy)
	return site
}

// expect asks as somebody and checks the status; into may be nil.
func (a *accountSite) expect(t *testing.T, want int, who, method, where string, sent, into any) string {
	t.Helper()
	body := ""
	if sent != nil {
		body = said(sent)
	}
	status, _, text := a.ask(t, a.signIn(t, who), method, "/api/v1/"+where, body)
	if status != want {
		t.Fatalf("%s %s as %s: %d, want %d: %s", method, where, who, status, want, text)
	}
	if into != nil {
		if err := unmarshal(text, into); err != nil {
			t.Fatal(err, text)
		}
	}
	return text
}

// place holds an hour of gate.
func (a *accountSite) place(t *testing.T, who string) (h ui.HoldView) {
	t.Helper()
	from := time.Now().Add(-2 * time.Hour)
	a.expect(t, 200, who, "POST", "holds?camera=gate", map[string]any{"from": from, "to": from.Add(time.Hour), "why": "theft <b>at the gate</b>"}, &h)
	return h
}

// told is the audit's, of an action.
func (a *accountSite) told(t *testing.T, action string) []audit.Entry {
	t.Helper()
	page, err := a.audit.Query(t.Context(), audit.Filter{Action: action})
	if err != nil {
		t.Fatal(err)
	}
	return page.Entries
}

func TestWhoMayExportMayHoldAndNobodyButAnAdminEndsIt(t *testing.T) {
	site := held(t, false)
	h := site.place(t, "operator")
	if len(h.ID) != 16 || h.By != "operator" || h.Camera != "gate" {
		t.Errorf("%+v", h)
	}
	for who, by := range map[string]string{"operator": "operator", "auditor": "operator", "admin": "operator", "viewer": "none"} {
		var list struct{ Holds []ui.HoldView }
		site.expect(t, 200, who, "GET", "holds?camera=gate", nil, &list)
		switch {
		case by == "none": // the viewer has live alone
			if len(list.Holds) != 0 {
				t.Errorf("%s reads %+v", who, list)
			}
		case len(list.Holds) != 1 || list.Holds[0].By != by:
			t.Errorf("%s reads %+v", who, list)
		}
	}
	if _, err := site.accounts.ChangeUser(box(), site.ids["viewer"], auth.NewUser{
		Name: "viewer", Grant: auth.Grant{Role: auth.Viewer, Cameras: []string{"gate"}, Rights: []auth.Right{auth.Playback}},
	}); err != nil {
		t.Fatal(err)
	}
	var list struct{ Holds []ui.HoldView }
	site.expect(t, 200, "viewer", "GET", "holds", nil, &list)
	if len(list.Holds) != 1 || list.Holds[0].By+list.Holds[0].Why != "" {
		t.Errorf("who may not hold is told who did, and why: %+v", list)
	}
	site.expect(t, 403, "operator", "DELETE", "holds/"+h.ID, map[string]any{"why": "mine"}, nil)
	site.expect(t, 200, "admin", "DELETE", "holds/"+h.ID, map[string]any{"why": "case closed"}, nil)
	site.expect(t, 404, "admin", "DELETE", "holds/"+h.ID, map[string]any{"why": "again"}, nil)
	placed, removed := site.told(t, "hold.place"), site.told(t, "hold.remove")
	if len(placed) != 1 || placed[0].Actor != "operator" || placed[0].Camera != "gate" || !strings.Contains(string(placed[0].After), h.ID) || placed[0].From == nil {
		t.Errorf("%+v", placed)
	}
	if len(removed) != 1 || removed[0].Actor != "admin" || !strings.Contains(string(removed[0].Before), h.ID) || removed[0].Detail != "case closed" {
		t.Errorf("%+v", removed)
	}
}

func TestHoldsThatMakeNoSenseAreRefused(t *testing.T) {
	site := held(t, false)
	at := time.Now()
	for name, sent := range map[string]map[string]any{
		"no reason":      {"from": at, "to": at.Add(time.Hour), "why": "  "},
		"a long reason":  {"from": at, "to": at.Add(time.Hour), "why": strings.Repeat("x", 501)},
		"no length":      {"from": at, "to": at, "why": "x"},
		"no range":       {"why": "x"},
		"for ever":       {"from": at, "to": at.AddDate(500, 0, 0), "why": "x"},
		"expired before": {"from": at, "to": at.Add(time.Hour), "why": "x", "expires": at.Add(-time.Hour)},
	} {
		if text := site.expect(t, 400, "admin", "POST", "holds?camera=gate", sent, nil); !problem(text) {
			t.Error(name, text)
		}
	}
	for name, sent := range map[string]map[string]any{
		"no plan":      {"camera": "gate", "from": at, "to": at.Add(time.Hour), "why": "x"},
		"no reason":    {"camera": "gate", "from": at, "to": at.Add(time.Hour), "plan": "plan-1"},
		"no range":     {"camera": "gate", "plan": "plan-1", "why": "x"},
		"a long range": {"camera": "gate", "from": at.AddDate(-1, 0, 0), "to": at, "plan": "plan-1", "why": "x"},
	} {
		if text := site.expect(t, 400, "admin", "POST", "deletions", sent, nil); !problem(text) {
			t.Error(name, text)
		}
	}
	site.expect(t, 400, "operator", "POST", "holds?camera=gate", map[string]any{"from": at, "to": at.AddDate(1, 0, 0), "why": "all of it"}, nil)
	site.held.broken = fmt.Errorf("open /var/lib/nvr: input/output error")
	sent := map[string]any{"from": at, "to": at.Add(time.Hour), "why": "theft"}
	if text := site.expect(t, 500, "admin", "POST", "holds?camera=gate", sent, nil); strings.Contains(text, "/var") {
		t.Error("a path is told:", text)
	}
	if e := site.told(t, "hold.place"); len(e) != 2 || e[0].Outcome != "refused" && e[1].Outcome != "refused" {
		t.Errorf("what failed is audited as done: %+v", e)
	}
	site.held.broken = fmt.Errorf("%w: %w", ui.ErrWaits, &ui.Problem{Status: 503, Message: "not on every disk yet", Fix: "wait"})
	site.expect(t, 503, "admin", "POST", "holds?camera=gate", sent, nil)
	refused, waits := 0, 0
	for _, e := range site.told(t, "hold.place") {
		if e.Outcome == "refused" {
			refused++
		} else if strings.Contains(e.Detail, "not on every disk yet") {
			waits++
		}
	}
	if refused != 1 || waits != 1 {
		t.Errorf("a hold that is in force is audited as refused: %+v", site.told(t, "hold.place"))
	}
}

// ask2 asks for something that waits, and gives its confirmation.
func (a *accountSite) ask2(t *testing.T, method, where string, sent any) (id string) {
	t.Helper()
	var told struct{ Confirmation string }
	a.expect(t, 202, "admin", method, where, sent, &told)
	return told.Confirmation
}

func TestTwoPersonsEndAHoldAndDelete(t *testing.T) {
	site := held(t, true)
	h := site.place(t, "admin") // holding needs one
	from := time.Now().Add(-3 * time.Hour)
	remove := func() string {
		return site.ask2(t, "DELETE", "holds/"+h.ID, map[string]any{"why": "case closed"})
	}
	del := func() string {
		var plan ui.DeletionView
		where := "deletions?camera=gate&from=" + from.UTC().Format(time.RFC3339) + "&to=" + from.Add(time.Hour).UTC().Format(time.RFC3339)
		site.expect(t, 200, "admin", "GET", where, nil, &plan)
		return site.ask2(t, "POST", "deletions", map[string]any{
			"camera": "gate", "from": plan.From, "to": plan.To, "plan": plan.Plan, "why": "works council",
		})
	}
	nothing := func(what string) {
		t.Helper()
		if list, _ := site.held.Holds(); len(list) != 1 || len(site.held.done()) != 0 {
			t.Fatalf("%s: %v, %v", what, list, site.held.done())
		}
	}
	one, two := remove(), del()
	nothing("one asked")
	for _, id := range []string{one, two} {
		site.expect(t, 403, "admin", "POST", "confirmations/"+id, struct{}{}, nil)
		site.expect(t, 403, "auditor", "POST", "confirmations/"+id, struct{}{}, nil)
	}
	nothing("the one who asked confirmed")
	site.expect(t, 200, "second", "DELETE", "confirmations/"+one, nil, nil)
	site.expect(t, 404, "second", "POST", "confirmations/"+one, struct{}{}, nil)
	nothing("it was withdrawn")

	policy := *site.policy.Load()
	policy.ConfirmWithin = time.Millisecond
	site.policy.Store(&policy)
	late := remove()
	time.Sleep(5 * time.Millisecond)
	site.expect(t, 404, "second", "POST", "confirmations/"+late, struct{}{}, nil)
	nothing("it lapsed")
	policy.ConfirmWithin = 15 * time.Minute
	site.policy.Store(&policy)

	site.held.changed = true
	site.expect(t, 409, "second", "POST", "confirmations/"+two, struct{}{}, nil)
	nothing("the plan changed")
	site.held.changed = false
	site.expect(t, 404, "second", "POST", "confirmations/"+two, struct{}{}, nil) // once
	if e := site.told(t, "footage.delete"); len(e) != 1 || e[0].Outcome != "refused" || !strings.Contains(e[0].Detail, "confirmed by second; not done") {
		t.Errorf("what was confirmed and not done is audited as %+v", e)
	}

	one, two = remove(), del()
	again := remove()
	site.expect(t, 200, "second", "POST", "confirmations/"+one, struct{}{}, nil)
	site.expect(t, 200, "second", "POST", "confirmations/"+two, struct{}{}, nil)
	if list, _ := site.held.Holds(); len(list) != 0 {
		t.Error("confirmed, and held still")
	}
	if got := site.held.done(); !slices.Equal(got, []string{"gate by admin and second: works council"}) {
		t.Error(got)
	}
	site.expect(t, 404, "second", "POST", "confirmations/"+again, struct{}{}, nil)
	if e := site.told(t, "hold.remove"); len(e) != 2 || e[0].Outcome == e[1].Outcome {
		t.Errorf("a hold that had ended is audited as %+v", e)
	}
	for _, action := range []string{"hold.remove", "footage.delete"} {
		e := slices.DeleteFunc(site.told(t, action), func(e audit.Entry) bool { return e.Outcome == "refused" })
		if len(e) != 1 || e[0].Actor != "admin" || !strings.Contains(e[0].Detail, "confirmed by second") || len(e[0].Before) == 0 {
			t.Errorf("%s: %+v", action, e)
		}
	}
}

func TestOnePersonEndsAHoldAndDeletesAtOnce(t *testing.T) {
	site := held(t, false)
	h := site.place(t, "admin")
	site.expect(t, 200, "admin", "DELETE", "holds/"+h.ID, map[string]any{"why": "case closed"}, nil)
	from := time.Now().Add(-3 * time.Hour)
	sent := map[string]any{"camera": "gate", "from": from, "to": from.Add(time.Hour), "plan": "plan-1", "why": "works council"}
	var d ui.DeletedView
	site.expect(t, 200, "admin", "POST", "deletions", sent, &d)
	if d.Segments != 3 || !slices.Equal(site.held.done(), []string{"gate by admin: works council"}) {
		t.Error(d, site.held.done())
	}
	site.held.stay = 1
	site.expect(t, 200, "admin", "POST", "deletions", sent, &d)
	if e := site.told(t, "footage.delete"); len(e) != 3 || !slices.ContainsFunc(e, func(e audit.Entry) bool {
		return strings.HasSuffix(e.Detail, "of 3 segments 1 stay, since a hold came first, and 0 go later") && strings.Contains(string(e.After), `"held":1`)
	}) {
		t.Errorf("what stayed is audited as deleted: %+v", e)
	}
	sent["plan"] = "plan-0"
	site.expect(t, 409, "admin", "POST", "deletions", sent, nil)
	sent["camera"] = "nowhere"
	site.expect(t, 404, "admin", "POST", "deletions", sent, nil)
}
