package firewall_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/internal/proof"
)

// sealed are a firewall's options on a box with a site key of its own.
func sealed(t *testing.T, state, site string) firewall.Options {
	t.Helper()
	return firewall.Options{
		StateDir: state, Log: logger(t), Interval: 50 * time.Millisecond,
		Key: func() (*proof.Key, error) { return proof.OpenKey(state) }, Site: func() string { return site },
	}
}

// forge changes the note that lies in a state directory.
func forge(t *testing.T, state string, change func(map[string]any)) {
	t.Helper()
	name := filepath.Join(state, "disarmed.json")
	b, err := os.ReadFile(name)
	must(t, err)
	var n map[string]any
	must(t, json.Unmarshal(b, &n))
	change(n)
	b, err = json.Marshal(n)
	must(t, err)
	must(t, os.WriteFile(name, b, 0o600))
}

// C1: only the note that was signed on this box for this site, and not ended
// yet, is obeyed: with any other the daemon repairs, and alarms.
func TestAForgedNoteIsNotObeyed(t *testing.T) {
	l := newLab(t)
	state, other := t.TempDir(), t.TempDir()
	daemon := firewall.New(sealed(t, state, "Camp North"))
	must(t, daemon.Set(context.Background(), policy()))
	keep(t, daemon)
	command := func(dir, site string) *firewall.Firewall { return firewall.New(sealed(t, dir, site)) }
	note := filepath.Join(state, "disarmed.json")
	copyNote := func(from string) {
		b, err := os.ReadFile(from)
		must(t, err)
		must(t, os.WriteFile(note, b, 0o600))
	}
	for name, c := range map[string]struct {
		lay  func()
		says string
	}{
		"edited": {func() {
			forge(t, state, func(n map[string]any) { n["why"] = "an order of the general" })
		}, "changed after it was signed"},
		"without its signature": {func() { forge(t, state, func(n map[string]any) { delete(n, "signature") }) }, "no signature"},
		"typed by hand": {func() {
			must(t, os.WriteFile(note, []byte(`{"who":"kim","why":"because","when":"2026-11-23T00:00:00Z","site":"Camp North"}`), 0o600))
		}, "no signature"},
		"of another box": {func() {
			disarm(t, command(other, "Camp North"))
			copyNote(filepath.Join(other, "disarmed.json"))
		}, "another key"},
		"of this key for another site": {func() {
			disarm(t, command(state, "Camp South"))
		}, `for site "Camp South"`},
		"ended already": {func() {
			b, err := os.ReadFile(note)
			must(t, err)
			armAgain(t, command(state, "Camp North"))
			must(t, os.WriteFile(note, b, 0o600))
		}, "ended already"},
		"ended already, the account of it damaged": {func() {
			b, err := os.ReadFile(note)
			must(t, err)
			armAgain(t, command(state, "Camp North"))
			ended, err := filepath.Glob(filepath.Join(state, "notes", "0*.json"))
			must(t, err)
			for _, e := range ended {
				must(t, os.WriteFile(e, []byte("{"), 0o600))
			}
			must(t, os.WriteFile(note, b, 0o600))
		}, "ended already"},
		"no JSON": {func() { must(t, os.WriteFile(note, []byte("{"), 0o600)) }, "unexpected end"},
	} {
		t.Run(name, func(t *testing.T) {
			disarm(t, command(state, "Camp North"))
			l.awaitState(daemon, firewall.Disarmed, time.Now())
			if s := daemon.Status(); s.Note == nil || s.Note.Who != "kim" || s.Note.Signature == nil || len(s.Alarms) > 0 {
				t.Fatalf("the genuine note: %+v, alarms %q", s.Note, s.Alarms)
			}
			c.lay()
			l.awaitState(daemon, firewall.Enforced, time.Now().Add(100*time.Millisecond))
			l.await("an alarm that says "+c.says, func() bool { // a note that is half written is refused as well
				a := daemon.Status().Alarms
				return len(a) == 1 && contains(a[0], "not obeyed") && contains(a[0], c.says)
			})
			armAgain(t, command(state, "Camp North"))
			l.await("the alarm to end", func() bool { return len(daemon.Status().Alarms) == 0 })
		})
	}
	for _, name := range leaks(l.runProbes(nil)) {
		t.Errorf("leaked: %s", name)
	}
	kept, err := os.ReadDir(filepath.Join(state, "notes"))
	must(t, err)
	refused := 0
	for _, k := range kept {
		if strings.HasPrefix(k.Name(), "refused-") {
			refused++
		}
	}
	if refused < 7 {
		t.Errorf("%d refused notes are kept: %v", refused, kept)
	}
}

// C1: where the site key cannot be read nobody can sign, and nobody fights whoever disarmed.
func TestADamagedKeyKeepsNobodyFromDisarming(t *testing.T) {
	l := newLab(t)
	state := t.TempDir()
	_, err := proof.OpenKey(state)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(state, proof.KeyName), []byte("half a"), 0o600))
	daemon := firewall.New(sealed(t, state, "Camp North"))
	must(t, daemon.Set(context.Background(), policy()))
	keep(t, daemon)
	n, unsigned, err := firewall.New(sealed(t, state, "Camp North")).Disarm(context.Background(), policy(), firewall.Note{Who: "kim", Why: "moving the rack"})
	must(t, err)
	if n.Signature != nil || !contains(unsigned, "not an Ed25519 key") {
		t.Errorf("signature %v, unsigned because %q", n.Signature, unsigned)
	}
	l.awaitState(daemon, firewall.Disarmed, time.Now().Add(100*time.Millisecond))
	if a := daemon.Status().Alarms; len(a) != 1 || !contains(a[0], "could not be checked") {
		t.Errorf("alarms %q", a)
	}
}

// C1, C10: whatever lies where the note is looked for, the daemon goes on, and
// arming takes it away.
func TestADamagedStateDirectoryKeepsNobodyFromArming(t *testing.T) {
	l := newLab(t)
	state := t.TempDir()
	daemon := firewall.New(sealed(t, state, "Camp North"))
	must(t, daemon.Set(context.Background(), policy()))
	keep(t, daemon)
	note, kept := filepath.Join(state, "disarmed.json"), filepath.Join(state, "notes")
	for name, lay := range map[string]func(){
		"a pipe":   func() { must(t, unix.Mkfifo(note, 0o600)) },
		"a device": func() { must(t, os.Symlink("/dev/zero", note)) },
		"notes that take none": func() {
			must(t, os.RemoveAll(kept))
			must(t, os.WriteFile(kept, nil, 0o600))
			disarm(t, firewall.New(sealed(t, state, "Camp North")))
			l.awaitState(daemon, firewall.Disarmed, time.Now())
		},
	} {
		t.Run(name, func(t *testing.T) {
			lay()
			laid := time.Now()
			l.await("a look at the note", func() bool { return len(daemon.Status().Alarms) == 1 })
			if name != "notes that take none" {
				l.awaitState(daemon, firewall.Enforced, laid)
			}
			armAgain(t, firewall.New(sealed(t, state, "Camp North")))
			l.awaitState(daemon, firewall.Enforced, time.Now())
			if _, err := os.Lstat(note); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the note lies there yet: %v", err)
			}
		})
	}
}

// A note is what anybody may have written: whatever it says, it is judged, not believed.
func FuzzNote(f *testing.F) {
	state := f.TempDir()
	key, err := proof.OpenKey(state)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"who":"kim","when":"2026-11-23T00:00:00Z","why":"w","site":"s","number":1,"before":"` + strings.Repeat("0", 64) + `"}`))
	signed, err := json.Marshal(map[string]any{"who": "kim", "why": "w", "site": "s", "number": 1, "signature": key.Sign("firewall/notes", 1, proof.Hash{}, time.Unix(0, 0))})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, obeyed := firewall.JudgeNote(key, "s", state, b); obeyed {
			t.Errorf("obeyed: %+v", n)
		}
	})
}
