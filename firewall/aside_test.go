package firewall_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
)

// Ports are kept from the system's network managers as long as the box is armed.
// What cannot be kept is refused at the first arming, and later told without
// calling a layer missing.
func TestNetworkManagersLeaveThePortsAlone(t *testing.T) {
	l := newLab(t)
	root, ctx := t.TempDir(), context.Background()
	write := func(name, text string) {
		path := filepath.Join(root, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o644))
	}
	const own = "run/systemd/network/00-nvr.network"
	told := func() bool {
		text, err := os.ReadFile(filepath.Join(root, own))
		return err == nil && contains(string(text), "Name=br-cam p-a p-b p-r\n")
	}
	write("usr/lib/systemd/systemd-networkd", "")
	write("etc/network/interfaces", "auto p-b\n")
	f := firewall.New(firewall.Options{StateDir: t.TempDir(), Log: logger(t), Interval: 50 * time.Millisecond, Root: root})
	if err := f.Set(ctx, policy()); err == nil || !contains(err.Error(), "/etc/network/interfaces:1: ifupdown sets up p-b; take the line out") {
		t.Fatalf("armed beside ifupdown: %v", err)
	}
	if told() {
		t.Error("refused, and written all the same")
	}
	write("etc/network/interfaces", "")
	must(t, f.Set(ctx, policy()))
	if s := f.Status(); s.State != firewall.Enforced || len(s.Notes) != 0 || !told() {
		t.Fatalf("%s %q, told %t", s.State, s.Notes, told())
	}
	keep(t, f)
	must(t, os.Remove(filepath.Join(root, own)))
	l.await("the file again", told)

	write("etc/network/interfaces", "iface p-a inet dhcp\n")
	again := firewall.New(firewall.Options{StateDir: t.TempDir(), Log: logger(t), Root: root})
	look, err := again.Check(ctx, policy())
	must(t, err)
	if look.State != firewall.Enforced || len(look.Notes) != 1 || !contains(look.Notes[0], "ifupdown sets up p-a") {
		t.Errorf("a look finds %s: %q %q", look.State, look.Reasons, look.Notes)
	}
	write("in the way", "")
	must(t, unix.Renameat2(unix.AT_FDCWD, filepath.Join(root, "in the way"), // at once, or the directory is made again between
		unix.AT_FDCWD, filepath.Join(root, "run/systemd/network"), unix.RENAME_EXCHANGE))
	l.await("the alarm", func() bool {
		s := f.Status()
		return s.State == firewall.Enforced && contains(strings.Join(s.Notes, " "), "systemd-networkd may take camera ports") && s.Drift[0].Done == firewall.DriftStands
	})
	must(t, os.Remove(filepath.Join(root, "run/systemd/network")))
	l.await("the file once more", told)
	disarm(t, f)
	if told() {
		t.Error("disarmed, and the ports are kept from their managers")
	}
}
