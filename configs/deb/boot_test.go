package deb_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/internal/long"
)

func TestTheSameSourceMakesTheSamePackage(t *testing.T) {
	t.Parallel() // much of it is waiting
	again := t.TempDir()
	if err := build(again, versions[0]); err != nil {
		t.Fatal(err)
	}
	first, err := packageFile(versions[0])
	if err != nil {
		t.Fatal(err)
	}
	a, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(again, filepath.Base(first)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("the bytes differ from one build to the next")
	}
}

func TestWithoutThePackageEverythingLeaks(t *testing.T) {
	t.Parallel() // much of it is waiting
	b := newBench(t)
	b.boot("cam1")
	b.await("a leak on each path", func() bool {
		return b.account.outside.Load() > 0 && b.account.box.Load() > 0 && b.account.camera.Load() > 0
	})
}

func TestAFreshInstallationArmsNothingAndSaysWhatToEdit(t *testing.T) {
	t.Parallel() // much of it is waiting
	b := newBench(t)
	b.boot("cam1")
	out := b.install(versions[0])
	b.says(out, "nothing was armed", "Edit "+sitePath, "camera_network.ports")
	if rules := b.run("nft", "list", "tables"); strings.Contains(rules, "nvr") {
		t.Errorf("rules were loaded: %s", rules)
	}
	b.says(b.run("nvr", "version"), versions[0])
	b.says(b.run("systemctl", "is-enabled", "nvr.service", "nvr-arm.service", "nvr-bolt.service"), "enabled\nenabled\nenabled")
	b.says(b.run("stat", "-c", "%A %U %G %n", "/etc/nvr", "/etc/nvr/nvr.yaml", "/etc/nvr/secrets", "/var/lib/nvr/state"),
		"drwxrwx--- root nvr /etc/nvr\n", "-rw-r----- nvr nvr /etc/nvr/nvr.yaml", "drwxr-x--- root nvr /etc/nvr/secrets", "drwx------ nvr nvr /var/lib/nvr/state")
	if said := b.run("systemd-analyze", "verify", "--man=no", "nvr.service", "nvr-arm.service", "nvr-bolt.service"); strings.Contains(said, "nvr") {
		t.Errorf("systemd finds in the units: %s", said)
	}
	// Whoever has taken the recorder's user over is given nothing by an upgrade.
	b.run("runuser", "-u", "nvr", "--", "sh", "-c", "mv /etc/nvr/secrets /etc/nvr/mine && ln -s /root /etc/nvr/secrets")
	b.says(b.install(versions[1]), "/etc/nvr/secrets is not the directory that it should be")
	b.says(b.run("stat", "-c", "%A %U %G", "/root"), "drwx------ root root")
	b.run("sh", "-c", "rm /etc/nvr/secrets && mv /etc/nvr/mine /etc/nvr/secrets")
	out = b.run("dpkg", "--purge", "nvr")
	if left := b.run("sh", "-c", "ls -d /etc/nvr* /etc/systemd/system/nvr* /etc/systemd/system/*/nvr* 2>/dev/null || true"); left != "" {
		t.Errorf("a purge of what was never armed leaves %s\n%s", left, out)
	}
}

// The life of a box, with floods running from before its first boot to the end.
func TestNothingLeaksFromInstallationToPurge(t *testing.T) {
	t.Parallel() // much of it is waiting
	b := newBench(t)
	b.must(b.m.WriteFile(zealPath, nil, 0o644)) // no manager yet: it is a fresh card
	b.boot("cam1")
	b.install(versions[0])
	b.site(siteFile)
	b.run("systemctl", "start", "nvr-arm.service", "nvr.service")
	b.records()
	b.contained("installed")
	b.says(b.run("ps", "-o", "user=", "-C", "nvr"), "nvr")
	b.says(b.run("nvr", "firewall", "prove"), "proved: ", " 0 leaked")
	if beat := b.run("systemctl", "show", "-p", "WatchdogTimestampMonotonic", "nvr.service"); strings.HasSuffix(beat, "=0\n") {
		t.Error("the watchdog hears nothing")
	}
	b.says(b.run("stat", "-c", "%U %n", "/var/lib/nvr/state/firewall.lock", "/var/lib/nvr/state/armed"), "nvr /var/lib/nvr/state/f", "nvr /var/lib/nvr/state/a")
	b.run("nvr", "devices", "pin", "02:00:00:00:00:13=10.20.1.13=dev-roof") // the recorder's user changes the site file
	b.says(b.run("stat", "-c", "%A %U", sitePath), "-rw-r----- nvr")
	for range long.Times(1, 5) {
		b.hurt()
		b.upgrade(versions[1], siteWithTwo)
		b.upgrade(versions[0], siteFile)
		b.off()
		b.must(b.m.WriteFile(zealPath, []byte(zeal), 0o644))
		b.boot("cam1")
		b.records()
		b.says(b.run("systemctl", "show", "-p", "Result,ActiveState", "nvr-arm.service"), "Result=success", "ActiveState=active")
		b.contained("booted with a network manager that sets the port up")
		b.breakSiteFile()
		b.portIsRenamed()
	}
	b.removeAndPurge()
	t.Logf("%d packets sent on wires with a carrier, 0 leaked; %d bytes of footage", b.account.sent.Load(), b.footage())
	b.reallyOpen()
}

// hurt kills, restarts and stops the recorder.
func (b *bench) hurt() {
	b.Helper()
	b.run("systemctl", "kill", "-s", "KILL", "nvr.service")
	b.records()
	b.run("systemctl", "restart", "nvr.service")
	b.records()
	b.run("systemctl", "stop", "nvr.service", "nvr-arm.service")
	b.flooded(500)
	b.contained("killed, restarted, stopped")
	b.run("systemctl", "start", "nvr.service")
	b.records()
}

// upgrade installs a version over the one that runs, with a site file that makes
// the new program load a generation of its own.
func (b *bench) upgrade(version, site string) {
	b.Helper()
	pid := b.run("systemctl", "show", "-p", "MainPID", "nvr.service")
	armed := b.run("systemctl", "show", "-p", "ExecMainStartTimestampMonotonic", "nvr-arm.service")
	b.site(site)
	b.install(version)
	b.says(b.run("nvr", "version"), version)
	if again := b.run("systemctl", "show", "-p", "MainPID", "nvr.service"); again == pid {
		b.Errorf("the old program still runs: %s", pid)
	}
	b.says(b.run("systemctl", "show", "-p", "ExecMainStartTimestampMonotonic", "nvr-arm.service"), armed)
	b.records()
	b.contained("upgraded to " + version)
}

// breakSiteFile restarts the box with a site file that says nothing: neither
// arming nor the recorder can start, while the network manager sets the port up.
func (b *bench) breakSiteFile() {
	b.Helper()
	b.site("version: 1\nsite: {")
	b.off()
	b.boot("cam1")
	b.says(b.run("systemctl", "show", "-p", "ActiveState", "nvr-arm.service", "nvr-bolt.service"), "ActiveState=failed\n\nActiveState=active")
	b.says(b.run("journalctl", "-b", "-o", "cat", "-u", "nvr-arm.service"), sitePath+":")
	b.says(b.run("ip", "-br", "addr", "show", "cam1"), "UP", "10.20.0.1/16")
	b.flooded(1000)
	b.contained("booted with a broken site file")
	b.site(siteFile)
	b.records() // the recorder tries again by itself
	b.await("a proof of the canary's", func() bool { return strings.HasPrefix(b.run("nvr", "firewall", "status"), "contained:") })
	b.contained("the site file mended")
}

// portIsRenamed restarts the box with the camera's card called something else, and
// a network manager that sets it up: it stays shut, and is taken over once it has
// its name again, as a card that comes late is.
func (b *bench) portIsRenamed() {
	b.Helper()
	b.off()
	b.must(b.m.WriteFile("/etc/systemd/network/cam9.network", []byte(zealOther), 0o644))
	b.boot("cam9")
	b.says(b.run("journalctl", "-b", "-o", "cat", "-u", "nvr-arm.service"), "port cam1 is gone")
	b.says(b.run("systemctl", "is-active", "nvr.service"), "active")
	b.says(b.run("journalctl", "-b", "-o", "cat"), "the card that was port cam1 is called cam9 now")
	goal := b.account.sent.Load() + 100
	b.await("the flood by a card that is set down again and again", func() bool {
		b.run("ip", "link", "set", "cam9", "up")
		return b.account.sent.Load() > goal
	})
	b.contained("the port has another name")
	b.run("ip", "link", "set", "cam9", "down")
	b.run("ip", "link", "set", "cam9", "name", "cam1")
	b.records()
	b.contained("the port has its name again")
}

// removeAndPurge takes the package away, in both ways, and restarts after each.
func (b *bench) removeAndPurge() {
	b.Helper()
	b.says(b.run("dpkg", "-r", "nvr"), "the camera ports stay closed: cam1")
	b.flooded(1000)
	b.contained("removed")
	b.off()
	b.boot("cam1")
	b.flooded(1000)
	b.contained("removed and booted")

	b.says(b.run("dpkg", "-P", "nvr"), "the camera ports stay shut, also after a restart: cam1", "footage, accounts and audit are left")
	b.off()
	b.boot("cam1")
	b.flooded(1000)
	b.contained("purged, nobody said that it shall open, and booted")
}

// reallyOpen installs again and purges with the answer that opens.
func (b *bench) reallyOpen() {
	b.Helper()
	b.install(versions[1])
	b.site(siteFile)
	b.run("systemctl", "start", "nvr-arm.service", "nvr.service")
	b.records()
	_, err := b.m.Feed(b.Context(), strings.NewReader("nvr nvr/open boolean true\n"), "debconf-set-selections")
	b.must(err)
	b.says(b.run("dpkg", "-P", "nvr"), "from the next restart on these are ordinary network cards", "cam1")
	b.flooded(500)
	b.contained("purged to open, before the restart")
	b.off()
	b.boot("cam1")
	b.await("a leak on each path, as the purge said", func() bool {
		return b.account.outside.Load() > 0 && b.account.box.Load() > 0 && b.account.camera.Load() > 0
	})
}

// Disarmed is disarmed, also after a restart, and everything says so; an
// operator's arming ends it.
func TestADisarmedBoxStaysSoAndSaysIt(t *testing.T) {
	t.Parallel() // much of it is waiting
	b := newBench(t)
	b.must(b.m.WriteFile(zealPath, nil, 0o644))
	b.boot("cam1")
	b.install(versions[0])
	b.site(siteFile)
	b.run("systemctl", "start", "nvr-arm.service", "nvr.service")
	b.records()
	_, err := b.m.Feed(t.Context(), strings.NewReader("Boot\n"), "nvr", "firewall", "disarm", "--reason", "a new switch")
	b.must(err)
	b.off()
	b.account.forget()
	b.must(b.m.WriteFile(zealPath, []byte(zeal), 0o644))
	b.boot("cam1")
	b.await("a leak, since an operator opened it", func() bool { return b.account.outside.Load() > 0 })
	b.says(b.run("journalctl", "-b", "-o", "cat", "-u", "nvr-arm.service"), "cameras are not contained: disarmed by root", "a new switch")
	b.run("nvr", "firewall", "arm")
	b.account.forget()
	b.records()
	b.flooded(500)
	b.contained("armed again")
}
