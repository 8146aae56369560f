package ui_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// asked are who asks in the matrix, in the order of its columns.
//
//	nobody    no cookie, no token
//	partial   an admin's password without the second factor
//	viewer    live and playback of gate
//	operator  everything on gate, by its group
//	auditor, admin
//	reader    an admin's token that may read what its user reads, and watch gate
//	narrow    an admin's token that may watch gate
var asked = [...]string{"nobody", "partial", "viewer", "operator", "auditor", "admin", "reader", "narrow"}

// matrix says for each operation what each of them is answered. An operation
// that changes something is sent a body that nobody would take, so that 400
// means that it was let in; what has no body is about an id that does not exist.
// Those that are about a camera stand there twice: for gate, and for dock, which
// is in another group.
//
//nolint:dupword // columns
var matrix = map[string]string{
	//                                         nobody partial viewer operator auditor admin reader narrow
	"GET /health":                          "401 401 200 200 200 200 200 200",
	"GET /site":                            "401 401 200 200 200 200 200 200",
	"GET /devices":                         "401 401 403 403 200 200 200 403",
	"GET /sightings":                       "401 401 403 403 200 200 200 403",
	"GET /inspect":                         "401 401 403 403 200 200 200 403",
	"GET /cameras":                         "401 401 200 200 200 200 200 200",
	"GET /containment":                     "401 401 200 200 200 200 200 200",
	"GET /containment/proof":               "401 401 403 403 200 200 200 403",
	"GET /recordings gate":                 "401 401 200 200 200 200 403 403",
	"GET /recordings dock":                 "401 401 404 404 200 200 404 404",
	"GET /gaps gate":                       "401 401 200 200 200 200 403 403",
	"GET /gaps dock":                       "401 401 404 404 200 200 404 404",
	"GET /play gate":                       "401 401 200 200 200 200 403 403",
	"GET /play dock":                       "401 401 404 404 200 200 404 404",
	"GET /play/plan gate":                  "401 401 200 200 200 200 403 403",
	"GET /play/plan dock":                  "401 401 404 404 200 200 404 404",
	"GET /frame gate":                      "401 401 200 200 200 200 403 403",
	"GET /frame dock":                      "401 401 404 404 200 200 404 404",
	"GET /export gate":                     "401 401 403 200 403 200 403 403",
	"GET /export dock":                     "401 401 404 404 403 200 404 404",
	"GET /live/{camera} gate":              "401 401 426 426 426 426 426 426",
	"GET /live/{camera} dock":              "401 401 404 404 426 426 404 404",
	"GET /attempts":                        "401 401 403 403 200 200 200 403",
	"GET /attempts/{attempt}":              "401 401 403 403 200 200 200 403",
	"GET /attempts/groups":                 "401 401 403 403 200 200 200 403",
	"GET /attempts/reviewed":               "401 401 403 403 200 200 200 403",
	"POST /attempts/reviewed":              "401 401 403 403 403 400 403 403",
	"GET /attempts/stream":                 "401 401 403 403 200 200 200 403",
	"GET /events":                          "401 401 200 200 200 200 200 200",
	"GET /session":                         "200 200 200 200 200 200 200 200",
	"GET /openapi.json":                    "200 200 200 200 200 200 200 200",
	"GET /ca.crt":                          "404 404 404 404 404 404 404 404",
	"POST /setup":                          "409 409 409 409 409 409 409 409",
	"POST /session":                        "400 400 400 400 400 400 400 400",
	"DELETE /session":                      "401 200 200 200 200 200 403 403",
	"POST /session/totp":                   "401 400 400 400 400 400 403 403",
	"POST /session/passkey/begin":          "400 400 400 400 400 400 400 400",
	"POST /session/passkey":                "400 400 400 400 400 400 400 400",
	"GET /sso/{provider}":                  "404 404 404 404 404 404 404 404",
	"GET /sso/{provider}/callback":         "404 404 404 404 404 404 404 404",
	"GET /account":                         "401 401 200 200 200 200 403 403",
	"PUT /account":                         "401 401 400 400 400 400 403 403",
	"PUT /account/password":                "401 401 400 400 400 400 403 403",
	"POST /account/totp":                   "401 401 400 400 400 400 403 403",
	"PUT /account/totp":                    "401 401 400 400 400 400 403 403",
	"DELETE /account/totp":                 "401 401 400 400 400 400 403 403",
	"POST /account/passkeys/begin":         "401 401 400 400 400 400 403 403",
	"POST /account/passkeys":               "401 401 400 400 400 400 403 403",
	"PUT /account/passkeys/{passkey}":      "401 401 400 400 400 400 403 403",
	"DELETE /account/passkeys/{passkey}":   "401 401 400 400 400 400 403 403",
	"GET /account/sessions":                "401 401 200 200 200 200 403 403",
	"DELETE /account/sessions/{session}":   "401 401 404 404 404 404 403 403",
	"GET /account/tokens":                  "401 401 200 200 200 200 403 403",
	"POST /account/tokens":                 "401 401 400 400 400 400 403 403",
	"DELETE /account/tokens/{token}":       "401 401 404 404 404 404 403 403",
	"GET /users":                           "401 401 403 403 200 200 200 403",
	"POST /users":                          "401 401 403 403 403 400 403 403",
	"GET /users/{user}":                    "401 401 403 403 404 404 404 403",
	"PUT /users/{user}":                    "401 401 403 403 403 400 403 403",
	"DELETE /users/{user}":                 "401 401 403 403 403 404 403 403",
	"POST /users/{user}/reset":             "401 401 403 403 403 400 403 403",
	"GET /users/{user}/sessions":           "401 401 403 403 404 404 404 403",
	"DELETE /users/{user}/sessions":        "401 401 403 403 403 404 403 403",
	"GET /users/{user}/tokens":             "401 401 403 403 404 404 404 403",
	"DELETE /users/{user}/tokens":          "401 401 403 403 403 404 403 403",
	"GET /confirmations":                   "401 401 403 403 200 200 200 403",
	"POST /containment/commands":           "401 401 403 403 403 403 403 403",
	"POST /containment/proof":              "401 401 403 403 403 400 403 403",
	"POST /confirmations/disarm":           "401 401 403 403 403 403 403 403",
	"POST /confirmations/{confirmation}":   "401 401 403 403 403 400 403 403",
	"DELETE /confirmations/{confirmation}": "401 401 403 403 403 404 403 403",
	"GET /tunnels":                         "401 401 403 403 200 200 200 403",
	"POST /devices/{device}/tunnel":        "401 401 403 403 403 400 403 403",
	"POST /tunnels/{tunnel}/entrance":      "401 401 403 403 403 400 403 403",
	"DELETE /tunnels/{tunnel}":             "401 401 403 403 403 404 403 403",
	"POST /storage/clock":                  "401 401 403 403 403 400 403 403",
	"GET /holds":                           "401 401 200 200 200 200 200 200",
	"POST /holds gate":                     "401 401 403 400 403 400 403 403",
	"POST /holds dock":                     "401 401 404 404 403 400 404 404",
	"DELETE /holds/{hold}":                 "401 401 403 403 403 400 403 403",
	"GET /deletions":                       "401 401 403 403 200 200 200 403",
	"POST /deletions":                      "401 401 403 403 403 400 403 403",
	"POST /devices":                        "401 401 403 403 403 400 403 403",
	"DELETE /devices/{device}":             "401 401 403 403 403 404 403 403",
	"POST /devices/{device}/inspect":       "401 401 403 403 403 400 403 403",
	"GET /audit":                           "401 401 403 403 200 200 200 403",
	"GET /audit/export":                    "401 401 403 403 200 200 200 403",
	"GET /audit/verify":                    "401 401 403 403 200 200 200 403",
	"GET /report":                          "401 401 403 403 200 200 200 403",
}

// twoGroups has the cameras gate, in the group north, and dock, in south.
func twoGroups() *fakeSite {
	s := smallSite()
	s.add("dock", "Loading dock", ui.StreamView{Stream: "main", State: ui.StreamLive, Recording: ui.RecordOn})
	s.cameras[0].Groups, s.cameras[1].Groups = []string{"north"}, []string{"south"}
	s.streams["dock/main"] = s.streams["gate/main"]
	s.block(phone(1, "North gate", "cloud.example", "198.18.0.5", "TCP", 443, "egress", "L3", "raw-egress"))
	return s
}

// everybody gives a visitor for each column of the matrix.
func everybody(t *testing.T, site *accountSite) map[string]*visitor {
	t.Helper()
	all := map[string]*visitor{"nobody": {}}
	for _, name := range []string{"viewer", "operator", "auditor", "admin"} {
		all[name] = site.signIn(t, name)
	}
	// A viewer's usual right is live alone.
	if _, err := site.accounts.ChangeUser(box(), site.ids["viewer"], auth.NewUser{
		Name: "viewer", Grant: auth.Grant{Role: auth.Viewer, Cameras: []string{"gate"}, Rights: []auth.Right{auth.Live, auth.Playback}},
	}); err != nil {
		t.Fatal(err)
	}
	all["reader"] = site.token(t, "admin", map[string]any{"rights": []string{"live"}, "cameras": []string{"gate"}, "reads": true})
	all["narrow"] = site.token(t, "admin", map[string]any{"rights": []string{"live"}, "cameras": []string{"gate"}})
	site.add(t, auth.NewUser{Name: "careful", Grant: auth.Grant{Role: auth.Admin}})
	enrolCode(t, site, "careful")
	all["partial"] = site.fresh(t, "careful")
	return all
}

// enrolCode sets up one-time codes for a user and gives their secret.
func enrolCode(t *testing.T, site *accountSite, name string) string {
	t.Helper()
	v := site.signIn(t, name)
	status, _, body := site.ask(t, v, "POST", "/api/v1/account/totp", said(map[string]any{"password": secret}))
	told := struct{ Secret string }{}
	decode(t, status, body, &told)
	code, err := totp.GenerateCode(told.Secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	status, _, body = site.ask(t, v, "PUT", "/api/v1/account/totp", said(map[string]any{"code": code}))
	decode(t, status, body, &struct{}{})
	return told.Secret
}

func TestEveryOperationAnswersEverybodyAsTheMatrixSays(t *testing.T) {
	site := twoGroups().withAccounts(t)
	visitors := everybody(t, site)
	described, _ := operations(t)
	expected := maps.Clone(matrix)
	names := slices.Sorted(maps.Keys(described))
	// Signing out comes last: who has signed out is nobody.
	i := slices.Index(names, "DELETE /session")
	names = append(slices.Delete(names, i, i+1), "DELETE /session")
	for _, name := range names {
		o := described[name]
		rows := []string{name}
		if strings.HasPrefix(o.Access, "camera-") {
			rows = []string{name + " gate", name + " dock"}
		}
		for _, row := range rows {
			want, ok := expected[row]
			if !ok {
				t.Errorf("%s: the matrix says nothing", row)
				continue
			}
			delete(expected, row)
			t.Run(row, func(t *testing.T) { asEverybody(t, site, visitors, name, o, strings.HasSuffix(row, " dock"), want) })
		}
	}
	for row := range expected {
		t.Errorf("%s is in the matrix and not in the document", row)
	}
}

// asEverybody asks for one operation as each visitor.
func asEverybody(t *testing.T, site *accountSite, visitors map[string]*visitor, name string, o operation, dock bool, want string) {
	t.Helper()
	method, path, _ := strings.Cut(name, " ")
	where := target(path, o)
	if dock {
		where = strings.NewReplacer("=gate", "=dock", "/gate", "/dock").Replace(where)
	}
	body := ""
	if method == "POST" || method == "PUT" || name == "DELETE /account/totp" || name == "DELETE /holds/{hold}" || name == "DELETE /account/passkeys/{passkey}" {
		body = `{"nobody would take this":1}`
	}
	if method == "GET" && (strings.HasSuffix(path, "stream") || path == "/events") {
		method = "HEAD" // the answer does not end
	}
	columns := strings.Fields(want)
	if len(columns) != len(asked) {
		t.Fatalf("%d columns, want %d", len(columns), len(asked))
	}
	for i, who := range asked {
		status, _, text := site.ask(t, visitors[who], method, where, body)
		if got := strconv.Itoa(status); got != columns[i] {
			t.Errorf("%s %s as %s: status %s, want %s: %.200s", method, where, who, got, columns[i], text)
		}
		if _, ok := o.Responses[strconv.Itoa(status)]; !ok {
			t.Errorf("%s as %s: status %d is not described", name, who, status)
		}
		if status >= 400 && method != "HEAD" && !problem(text) {
			t.Errorf("%s as %s: %q is no {error, fix}", name, who, text)
		}
	}
}

// decode reads an answer that must be 200.
func decode(t *testing.T, status int, body string, into any) {
	t.Helper()
	if status != http.StatusOK {
		t.Fatal(status, body)
	}
	if err := unmarshal(body, into); err != nil {
		t.Fatal(err, body)
	}
}

func TestListsShowNoCameraOfAnotherGroup(t *testing.T) {
	site := twoGroups().withAccounts(t)
	visitors := everybody(t, site)
	for _, c := range []struct {
		who, where string
		lacks      []string
	}{
		{"viewer", "/api/v1/cameras", []string{"dock"}},
		{"operator", "/api/v1/cameras", []string{"dock"}},
		{"narrow", "/api/v1/cameras", []string{"dock"}},
		{"reader", "/api/v1/cameras", []string{"dock"}},
		{"operator", "/api/v1/health", []string{"/var/lib", "Loading"}},
		{"operator", "/api/v1/containment", []string{"enp2s0", "18452"}},
	} {
		status, _, body := site.ask(t, visitors[c.who], "GET", c.where, "")
		if status != http.StatusOK {
			t.Error(c.who, c.where, status)
		}
		for _, word := range c.lacks {
			if strings.Contains(body, word) {
				t.Errorf("%s reads %q at %s", c.who, word, c.where)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream := site.events(ctx, t, visitors["operator"], "/api/v1/events")
	if e := next(t, stream, "cameras"); strings.Contains(e.data, "dock") || !strings.Contains(e.data, "gate") {
		t.Error(e)
	}
	site.block(phone(9, "North gate", "secret.example", "198.18.0.6", "TCP", 443, "egress", "L3", "raw-egress"))
	timeout := time.After(time.Second)
	for {
		select {
		case e := <-stream:
			if e.name == "attempts" || strings.Contains(e.data, "secret.example") {
				t.Fatal("an operator is told of attempts:", e)
			}
			continue
		case <-timeout:
		}
		break
	}
}
