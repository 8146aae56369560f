package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/internal/lab/ns"
	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/auth"
)

func TestAccountsOfARunningRecorder(t *testing.T) { inside(t, "people") }

const peopleSite = `version: 1
site: {name: Camp North, zone: UTC}
listen: {http: "0.0.0.0:8443", names: [nvr.camp.example, 10.9.0.1], tunnel: "0.0.0.0:9443"}
accounts: {two_persons: true, confirm_within: 15m}
storage:
  state: DIR/state
  volumes: [{path: DIR/video, reserve: 1MiB}]
  retention: {keep: 90d}
camera_network: {ports: [nic1], addresses: [10.20.0.1/16]}
devices:
  - {id: dev-a, ip: 10.20.1.11, mac: "02:00:00:00:00:11"}
cameras:
  - {id: gate, device: dev-a, groups: [north], streams: {main: {path: /none}}, retention: {keep: 120d}}
  - {id: yard, device: dev-a, streams: {main: {path: /none}}}
outputs:
  - {id: siem, to: "127.0.0.1:16514", transport: tcp, format: zeek}
`

// household is a recorder with accounts, off loopback, and what a test needs to
// talk to it as a browser does.
type household struct {
	nvr, config string
	r           *recorderProcess
	https       *client
	cookie      string
	csrf        string
	camera      *ns.Namespace
}

// code finds the setup code in what the recorder prints.
var code = regexp.MustCompile(`give the code\s+(\S+)`)

// peopleOnTheBox goes through a recorder's first days: first admin, users,
// tokens, a retention that waits for a second person, disarming by two.
func peopleOnTheBox(nvr string) error {
	dir := os.TempDir()
	camera, err := plugCamera("nic1", "10.20.1.11", "02:00:00:00:00:11")
	if err != nil {
		return err
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	at, err := netlink.ParseAddr("10.9.0.1/32")
	if err != nil {
		return err
	}
	h := &household{nvr: nvr, config: filepath.Join(dir, "nvr.yaml"), camera: camera}
	if err := errors.Join(
		netlink.AddrAdd(lo, at),
		os.WriteFile(h.config, []byte(strings.ReplaceAll(peopleSite, "DIR", dir)), 0o600),
	); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		do   func(dir string) error
	}{
		{"start", h.start},
		{"the first admin", h.firstAdmin},
		{"a device's own pages", h.ownPages},
		{"what a device says", h.saysOfItself},
		{"others are told, and a report is signed", h.toldAndReported},
		{"users on the box", h.usersOnTheBox},
		{"a token", h.tokens},
		{"a shorter retention waits", h.shorterRetention},
		{"it waits after a restart too", h.restart},
		{"an admin confirms it", h.confirmRetention},
		{"a hold is removed by two", h.holdByTwo},
		{"two persons disarm", h.disarm},
		{"the audit", h.audit},
		{"a damaged database", h.damaged},
	} {
		if err := step.do(dir); err != nil {
			return fmt.Errorf("%s: %w\n%s", step.name, err, h.r.logged.String())
		}
		fmt.Println(step.name)
	}
	return h.r.kill()
}

func (h *household) start(dir string) (err error) {
	if h.r, err = startRecorder(h.nvr, h.config); err != nil {
		return err
	}
	if err := h.r.await("the socket to answer", 30*time.Second, func() bool {
		body, err := h.r.api.get(context.Background(), "session", nil)
		if err != nil {
			return false
		}
		body.Close()
		return true
	}); err != nil {
		return err
	}
	// The root, as people fetch it, and with it nothing but HTTPS.
	f := serverFlags{server: "https://10.9.0.1:8443", caFile: filepath.Join(dir, "root.crt")}
	var root []byte
	if err := h.r.await("the page to answer", 30*time.Second, func() bool {
		root, err = insecureRoot()
		return err == nil
	}); err != nil {
		return err
	}
	if err := os.WriteFile(f.caFile, root, 0o600); err != nil {
		return err
	}
	h.https, err = f.client()
	return err
}

// exchange asks as our page does and reads the answer.
func (h *household) exchange(method, path string, sent, into any) error {
	text, err := json.Marshal(sent)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, "https://10.9.0.1:8443/api/v1/"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", "https://10.9.0.1:8443")
	req.Header.Set("X-CSRF-Token", h.csrf)
	if h.cookie != "" {
		req.Header.Set("Cookie", "__Host-nvr="+h.cookie)
	}
	if method == http.MethodGet {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	res, err := h.https.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	for _, c := range res.Cookies() {
		if c.Name == "__Host-nvr" {
			h.cookie = c.Value
		}
	}
	told := struct{ CSRF string }{}
	if err := json.Unmarshal(answer, &told); err == nil && told.CSRF != "" {
		h.csrf = told.CSRF
	}
	return json.Unmarshal(answer, into)
}

func (h *household) firstAdmin(string) error {
	if err := h.r.await("the setup code", 10*time.Second, func() bool { return code.MatchString(h.r.logged.String()) }); err != nil {
		return err
	}
	given := code.FindStringSubmatch(h.r.logged.String())[1]
	if !strings.Contains(h.r.logged.String(), "Open  https://nvr.camp.example:8443") {
		return errors.New("it does not say where to open the page")
	}
	var s struct{ State string }
	if err := h.exchange("POST", "setup", map[string]string{"code": given, "name": "kim", "password": "a long enough password", "language": "en"}, &s); err != nil {
		return err
	}
	if s.State != "signed-in" {
		return fmt.Errorf("state %q", s.State)
	}
	return nil
}

// run runs a command of nvr with a site file, with what is typed.
func (h *household) run(typed string, args ...string) (string, error) {
	c := exec.Command(h.nvr, append(args, "--config", h.config)...)
	c.Stdin = strings.NewReader(typed)
	out, err := c.CombinedOutput()
	return string(out), err
}

func (h *household) usersOnTheBox(string) error {
	if out, err := h.run("", "user", "add", "lee", "--role", "operator", "--groups", "north"); err != nil || !strings.Contains(out, "one-time code is") {
		return fmt.Errorf("user add: %w: %s", err, out)
	}
	if out, err := h.run("", "user", "add", "lee", "--role", "viewer"); err == nil || strings.Count(strings.TrimSpace(out), "\n") > 0 {
		return fmt.Errorf("a name that is taken: %w: %s", err, out)
	}
	if out, err := h.run("", "user", "disable", "lee"); err != nil {
		return fmt.Errorf("user disable: %w: %s", err, out)
	}
	out, err := h.run("", "user", "list", "--json")
	if err != nil {
		return fmt.Errorf("user list: %w: %s", err, out)
	}
	var list struct{ Users []auth.User }
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Users) != 2 || list.Users[1].Name != "lee" || !list.Users[1].Disabled {
		return fmt.Errorf("user list: %w: %s", err, out)
	}
	if out, err := h.run("", "user", "remove", "kim"); err == nil || !strings.Contains(out, "last admin") {
		return fmt.Errorf("the last admin is removed: %w: %s", err, out)
	}
	// A second admin, for what needs two: with two persons on, the first confirms.
	if out, err := h.run("", "user", "add", "park", "--role", "admin"); err == nil || !strings.Contains(out, "second admin") {
		return fmt.Errorf("an admin is added by one person: %w: %s", err, out)
	}
	var told struct{ Code string }
	if err := h.confirm("user.add", &told); err != nil {
		return err
	}
	return (&household{https: h.https}).setPassword("park", told.Code)
}

// confirm confirms, as the first admin, what waits of a kind.
func (h *household) confirm(kind string, into any) error {
	var list struct{ Confirmations []auth.Confirmation }
	if err := h.exchange("GET", "confirmations", nil, &list); err != nil {
		return err
	}
	for _, c := range list.Confirmations {
		if c.Kind == kind {
			return h.exchange("POST", "confirmations/"+c.ID, struct{}{}, into)
		}
	}
	return fmt.Errorf("nothing of kind %s waits: %+v", kind, list)
}

// holdByTwo holds footage to come on the box, and ends that by the first admin's
// confirmation.
func (h *household) holdByTwo(dir string) error {
	on := func(args ...string) (string, error) {
		out, err := exec.Command(h.nvr, append(args, "--server", "unix:"+filepath.Join(dir, "state", socketName))...).CombinedOutput()
		return string(out), err
	}
	at := time.Now()
	out, err := on("hold", "add", "--camera", "gate", "--from", stamped(at), "--to", stamped(at.Add(time.Hour)), "--reason", "a visit", "--json")
	var held ui.HoldView
	if err := errors.Join(err, json.Unmarshal([]byte(out), &held)); err != nil {
		return fmt.Errorf("hold add: %w: %s", err, out)
	}
	if out, err := on("hold", "remove", held.ID, "--reason", "over"); err == nil || !strings.Contains(out, "second admin") {
		return fmt.Errorf("one person removes a hold: %w: %s", err, out)
	}
	if out, err := on("hold", "list"); err != nil || !strings.Contains(out, held.ID) {
		return fmt.Errorf("hold list: %w: %s", err, out)
	}
	var told struct{}
	if err := h.confirm("hold.remove", &told); err != nil {
		return err
	}
	if out, err := on("hold", "list"); err != nil || strings.Contains(out, held.ID) {
		return fmt.Errorf("it is held after two removed it: %w: %s", err, out)
	}
	return nil
}

func (h *household) setPassword(name, code string) error {
	var s struct{ State string }
	return errors.Join(
		h.exchange("POST", "session", map[string]string{"name": name, "password": code}, &s),
		h.exchange("PUT", "account/password", map[string]string{"old": code, "new": "a long enough password"}, &s),
	)
}

func (h *household) tokens(dir string) error {
	if _, err := h.https.get(context.Background(), "cameras", nil); err == nil || !strings.Contains(err.Error(), "--token-file") {
		return fmt.Errorf("without a token: %w", err)
	}
	var told struct{ Secret string }
	asked := map[string]any{
		"name": "a program", "rights": []string{"live"}, "cameras": []string{"gate"}, "expires": time.Now().Add(time.Hour),
		"password": "a long enough password",
	}
	if err := h.exchange("POST", "account/tokens", asked, &told); err != nil {
		return err
	}
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte(told.Secret+"\n"), 0o644); err != nil {
		return err
	}
	ask := []string{"cameras", "--server", "https://10.9.0.1:8443", "--ca", filepath.Join(dir, "root.crt"), "--token-file", file}
	if out, err := exec.Command(h.nvr, ask...).CombinedOutput(); err == nil || !strings.Contains(string(out), "chmod 600") {
		return fmt.Errorf("a token that all can read: %w: %s", err, out)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		return err
	}
	out, err := exec.Command(h.nvr, ask...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "gate") || strings.Contains(string(out), "yard") {
		return fmt.Errorf("with a token: %w: %s", err, out)
	}
	return nil
}

// waits reports whether health says that the shorter retention waits.
func (h *household) waits() bool {
	body, err := h.r.api.get(context.Background(), "health", nil)
	if err != nil {
		return false
	}
	defer body.Close()
	text, _ := io.ReadAll(body) // half an answer holds no answer
	return strings.Contains(string(text), "waits for a second admin") && strings.Contains(string(text), "90 days to 10 days")
}

func (h *household) shorterRetention(string) error {
	file, err := os.ReadFile(h.config)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(file), "retention: {keep: 90d}", "retention: {keep: 10d}", 1)
	changed = strings.Replace(changed, "name: Camp North", "name: Camp South", 1)
	if err := os.WriteFile(h.config, []byte(changed), 0o600); err != nil {
		return err
	}
	if err := h.r.await("the shorter retention to wait", 10*time.Second, h.waits); err != nil {
		return err
	}
	var s struct{ Site struct{ Name string } }
	if err := h.exchange("GET", "session", nil, &s); err != nil || s.Site.Name != "Camp South" {
		return fmt.Errorf("the rest of the change was not taken: %w: %+v", err, s)
	}
	return nil
}

func (h *household) restart(dir string) error {
	if err := h.r.kill(); err != nil {
		return err
	}
	if err := h.start(dir); err != nil {
		return err
	}
	return h.r.await("the shorter retention to wait again", 10*time.Second, h.waits)
}

func (h *household) confirmRetention(string) error {
	if err := h.confirm(kindRelease, &struct{}{}); err != nil {
		return err
	}
	return h.r.await("the shorter retention to be taken", 10*time.Second, func() bool { return !h.waits() })
}

func (h *household) disarm(string) error {
	const kim, park = "kim\na long enough password\n\n", "park\na long enough password\n\n"
	for name, typed := range map[string]string{
		"the same admin twice": kim + kim,
		"an operator":          kim + "lee\na long enough password\n\n",
		"a wrong password":     kim + "park\nanother long password\n\n",
		"one alone":            kim,
	} {
		if out, err := h.run("Camp South\n"+typed, "firewall", "disarm", "--reason", "maintenance"); err == nil {
			return fmt.Errorf("%s disarms: %s", name, out)
		}
	}
	if err := h.disarmWithAnotherFile(kim); err != nil {
		return err
	}
	if out, err := h.run("", "firewall", "status"); err != nil {
		return fmt.Errorf("status: %w: %s", err, out)
	}
	out, err := h.run("Camp South\n"+kim+park, "firewall", "disarm", "--reason", "maintenance")
	if err != nil || !strings.Contains(out, "nvr runs and says: disarmed") || strings.Contains(out, "no signature") {
		return fmt.Errorf("disarm: %w: %s", err, out)
	}
	if err := h.audited("maintenance", "firewall.disarm-confirmed", "firewall.disarm"); err != nil {
		return err
	}
	if err := h.openedLoudly(); err != nil {
		return err
	}
	return h.refusedNote(kim + park)
}

// openedLoudly looks at a box that two admins disarmed, and arms it again.
func (h *household) openedLoudly() error {
	out, err := h.run("", "firewall", "status")
	if exit := (&exec.ExitError{}); !errors.As(err, &exit) || exit.ExitCode() != exitFinding || !strings.HasPrefix(out, "disarmed") || !strings.Contains(out, "kim and park") {
		return fmt.Errorf("status: %w: %s", err, out)
	}
	if health := h.r.health(); !strings.Contains(health, "containment bad") || !strings.Contains(health, "NOT contained") || !strings.Contains(health, "maintenance") {
		return fmt.Errorf("health of a box that is open: %s", health)
	}
	if log := h.r.logged.String(); !strings.Contains(log, "cameras are not contained: the firewall is disarmed") {
		return fmt.Errorf("the log does not say it: %s", log)
	}
	if out, err = h.run("", "firewall", "arm"); err != nil || !strings.Contains(out, "This ends the disarming by ") || !strings.Contains(out, "enforced: ") || strings.Contains(out, "not in the audit") {
		return fmt.Errorf("arm: %w: %s", err, out)
	}
	if err := h.audited("box:", "firewall.arm", "firewall.disarm"); err != nil {
		return fmt.Errorf("who armed and disarmed: %w", err)
	}
	return h.r.await("the alarm to end", 10*time.Second, func() bool { return !strings.Contains(h.r.health(), "NOT contained") })
}

// refusedNote disarms and changes the note: it is alarmed and not obeyed.
func (h *household) refusedNote(admins string) error {
	if out, err := h.run("Camp South\n"+admins, "firewall", "disarm", "--reason", "more maintenance"); err != nil {
		return fmt.Errorf("disarm: %w: %s", err, out)
	}
	note := filepath.Join(filepath.Dir(h.config), "state", "disarmed.json")
	text, err := os.ReadFile(note)
	if err != nil {
		return err
	}
	if err := os.WriteFile(note, bytes.Replace(text, []byte("more maintenance"), []byte("an order"), 1), 0o600); err != nil {
		return err
	}
	if err := h.r.await("the changed note to be refused", 10*time.Second, func() bool {
		health := h.r.health()
		return strings.Contains(health, "changed after it was signed") && strings.Contains(health, "disarming note") && !strings.Contains(health, "NOT contained")
	}); err != nil {
		return err
	}
	// The ports come up again when all was read back.
	var status string
	if err := h.r.await("all layers beside a note that is refused", 20*time.Second, func() bool {
		status, err = h.run("", "firewall", "status", "--json")
		return strings.Contains(status, `"state": "enforced"`) || strings.Contains(status, `"state": "contained"`)
	}); err != nil || !strings.Contains(status, "changed after it was signed") {
		return fmt.Errorf("status beside a note that is refused: %w: %s", err, status)
	}
	if err == nil {
		return errors.New("status beside a note that is refused is no finding")
	}
	if err := h.audited("signed", "firewall.note-refused"); err != nil {
		return err
	}
	if out, err := h.run("", "firewall", "arm"); err != nil {
		return fmt.Errorf("arm: %w: %s", err, out)
	}
	if out, err := h.run("", "firewall", "plan", "--diff"); err != nil || !strings.Contains(out, "exactly this") {
		return fmt.Errorf("plan --diff of an armed box: %w: %s", err, out)
	}
	return h.r.await("the alarm to end", 10*time.Second, func() bool { return !strings.Contains(h.r.health(), "disarming note") })
}

// disarmWithAnotherFile gives the command a site file that asks for one person
// while the recorder asks for two: an end of the input is no way around them.
func (h *household) disarmWithAnotherFile(kim string) error {
	file, err := os.ReadFile(h.config)
	if err != nil {
		return err
	}
	other := *h
	other.config = filepath.Join(filepath.Dir(h.config), "other.yaml")
	file = bytes.Replace(file, []byte("two_persons: true"), []byte("two_persons: false"), 1)
	if err := os.WriteFile(other.config, file, 0o600); err != nil {
		return err
	}
	for _, typed := range []string{"", "kim\n", kim, kim + "park\n"} {
		if out, err := other.run("Camp South\n"+typed, "firewall", "disarm", "--reason", "maintenance"); err == nil {
			return fmt.Errorf("an end of the input after %q disarms: %s", typed, out)
		}
	}
	return nil
}

// audited waits until the audit has actions that mention a text.
func (h *household) audited(text string, actions ...string) error {
	return h.r.await(fmt.Sprint("the audit to have ", actions), 10*time.Second, func() bool {
		var page struct {
			Entries []struct{ Action, Detail string }
		}
		if err := h.exchange("GET", "audit?limit=500&q="+text, nil, &page); err != nil {
			return false
		}
		found := map[string]bool{}
		for _, e := range page.Entries {
			found[e.Action] = true
		}
		for _, a := range actions {
			if !found[a] {
				return false
			}
		}
		return true
	})
}

func (h *household) audit(string) error {
	if err := errors.Join(
		h.audited("", "site.change", "site.released", "firewall.arm", "user.add", "confirmation.confirm"),
		h.audited("Camp", "site.change"),
	); err != nil {
		return err
	}
	out, err := h.run("", "audit", "verify")
	if err != nil || !strings.HasPrefix(out, "fine") {
		return fmt.Errorf("audit verify: %w: %s", err, out)
	}
	file := filepath.Join(filepath.Dir(h.config), "audit.json")
	if out, err := h.run("", "audit", "export", "--format", "json", "-o", file); err != nil {
		return fmt.Errorf("audit export: %w: %s", err, out)
	}
	if text, err := os.ReadFile(file); err != nil || bytes.Contains(text, []byte("invalid IP")) {
		return fmt.Errorf("audit export: %w: %s", err, text) // the box has no address
	}
	return nil
}

// damaged starts the recorder with a state database that is none: it contains
// and serves nobody.
func (h *household) damaged(dir string) error {
	if err := h.r.kill(); err != nil {
		return err
	}
	if out, err := h.run("", "firewall", "arm"); err != nil || strings.Contains(out, "not in the audit") {
		return fmt.Errorf("arm: %w: %s", err, out)
	}
	file := filepath.Join(dir, "armed.json")
	if out, err := h.run("", "audit", "export", "-o", file); err != nil {
		return fmt.Errorf("audit export: %w: %s", err, out)
	}
	if text, err := os.ReadFile(file); err != nil || !regexp.MustCompile(`"actor":"box:[^"]+","via":"[^"]*","action":"firewall.arm"`).Match(text) {
		return fmt.Errorf("who armed is not in the audit: %w: %s", err, text)
	}
	if err := os.WriteFile(filepath.Join(dir, "state", stateName), bytes.Repeat([]byte("no database\n"), 4096), 0o600); err != nil {
		return err
	}
	var err error
	if h.r, err = startRecorder(h.nvr, h.config); err != nil {
		return err
	}
	if err := h.r.await("it to complain", 20*time.Second, func() bool {
		return strings.Contains(h.r.logged.String(), "accounts cannot be opened")
	}); err != nil {
		return err
	}
	if err := h.exchange("GET", "session", nil, &struct{}{}); err == nil {
		return errors.New("it serves somebody")
	}
	if out, err := h.run("", "firewall", "status"); err != nil || !holds(out) {
		return fmt.Errorf("status: %w: %s", err, out)
	}
	return nil
}

// insecureRoot fetches the root without trusting the connection yet, as a
// person does who then compares its fingerprint.
func insecureRoot() ([]byte, error) {
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	res, err := c.Get("https://10.9.0.1:8443/ca.crt")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}
