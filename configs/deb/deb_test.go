package deb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/lab/machine"
)

// envPackages names the directory of the packages that TestMain built.
const envPackages = "STOCKADE_TEST_PACKAGES"

// The packages that are tested: one and its upgrade.
var versions = [...]string{"1.0.0", "1.1.0"}

func TestMain(m *testing.M) {
	machine.Main(m, func() error {
		dir, err := os.MkdirTemp("", "stockade-deb-")
		if err != nil {
			return err
		}
		for _, v := range versions {
			if err := build(dir, v); err != nil {
				return errors.Join(err, os.RemoveAll(dir))
			}
		}
		return os.Setenv(envPackages, dir)
	}, func() error { return os.RemoveAll(os.Getenv(envPackages)) })
}

// build makes a package as anybody would.
func build(dir, version string) error {
	c := exec.Command("make", "deb", "VERSION="+version, "DEB_DIR="+dir)
	c.Dir = "../.."
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS") })
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("make deb: %w: %s", err, out)
	}
	return nil
}

// packageFile finds a package that TestMain built.
func packageFile(version string) (string, error) {
	all, err := filepath.Glob(filepath.Join(os.Getenv(envPackages), "nvr_"+version+"_*.deb"))
	if err != nil || len(all) != 1 {
		return "", fmt.Errorf("find the package of %s: %v: %w", version, all, err)
	}
	return all[0], nil
}

const uplink = `[Match]
Name=up0
[Network]
Address=10.99.0.1/24
Gateway=10.99.0.2
IPForward=yes
LinkLocalAddressing=no
`

// zeal is a network manager that sets the camera port up, whatever we do.
const zeal = `[Match]
Name=cam1
[Network]
Address=10.20.0.1/16
IPForward=yes
ConfigureWithoutCarrier=yes
`

// zealOther does so with a card that is called something else.
const zealOther = `[Match]
Name=cam9
[Network]
Address=10.77.0.1/16
IPForward=yes
ConfigureWithoutCarrier=yes
`

const siteFile = `version: 1
site: {name: Boot, zone: UTC}
storage:
  state: /var/lib/nvr/state
  volumes: [{path: /var/lib/nvr/video, reserve: 1MiB}]
  segment: 10s
camera_network: {ports: [cam1], addresses: [10.20.0.1/16], dns: true, ntp: true}
devices:
  - {id: dev-gate, ip: 10.20.1.11, mac: "02:00:00:00:00:11"}
cameras:
  - {id: gate, device: dev-gate, streams: {main: {path: /cam1}}}
`

// siteWithTwo has one device more.
var siteWithTwo = strings.Replace(siteFile, "cameras:", "  - {id: dev-yard, ip: 10.20.1.12, mac: \"02:00:00:00:00:12\"}\ncameras:", 1)

const zealPath = "/etc/systemd/network/cam1.network"

const sitePath = "/etc/nvr/nvr.yaml"

// bench is a machine under test and what hangs on it.
type bench struct {
	*testing.T
	m       *machine.Machine
	w       *world
	account account
	begun   time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	m, err := machine.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, m: m, begun: time.Now()}
	t.Cleanup(b.off)
	for path, text := range map[string]string{
		"/etc/systemd/network/up0.network": uplink,
		zealPath:                           zeal,
	} {
		b.must(m.WriteFile(path, []byte(text), 0o644))
	}
	b.must(errors.Join(m.Enable("systemd-networkd.service"), m.Enable("nftables.service"))) // the latter flushes all tables
	return b
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// boot starts the machine with its floods running, and waits for the uplink.
func (b *bench) boot(port string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
	defer cancel()
	b.must(b.m.Boot(ctx, func(m *machine.Machine) (err error) {
		b.w, err = hang(m, &b.account, port)
		return err
	}))
	b.await("the uplink", func() bool {
		out, err := b.m.Run(ctx, "ip", "-4", "route", "show", "default")
		return err == nil && strings.Contains(out, "10.99.0.2")
	})
}

// off cuts the power.
func (b *bench) off() {
	b.Helper()
	if err := b.m.PowerOff(); err != nil {
		b.Error(err)
	}
	if b.w != nil {
		b.w.close()
		b.w = nil
	}
}

func (b *bench) run(name string, args ...string) string {
	b.Helper()
	out, err := b.m.Run(b.Context(), name, args...)
	b.must(err)
	return out
}

// await polls until a condition holds.
func (b *bench) await(what string, ok func() bool) {
	b.Helper()
	for deadline := time.Now().Add(90 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			journal, _ := b.m.Run(context.Background(), "journalctl", "-b", "--no-pager", "-n", "80", "-o", "cat")
			b.Fatalf("waited in vain for %s; the journal says\n%s", what, journal)
		}
	}
}

// install has dpkg install a version.
func (b *bench) install(version string) string {
	b.Helper()
	file, err := packageFile(version)
	b.must(err)
	f, err := os.Open(file)
	b.must(err)
	defer f.Close()
	_, err = b.m.Feed(b.Context(), f, "sh", "-c", "cat > /tmp/nvr.deb")
	b.must(err)
	return b.run("dpkg", "-i", "/tmp/nvr.deb")
}

// site writes the site file, as an administrator would.
func (b *bench) site(text string) {
	b.Helper()
	_, err := b.m.Feed(b.Context(), strings.NewReader(text), "sh", "-c", "cat > "+sitePath)
	b.must(err)
}

// footage is how many bytes of video there are.
func (b *bench) footage() int {
	out, err := b.m.Run(b.Context(), "sh", "-c", `find /var/lib/nvr/video -name '*.mp4' -printf '%s\n' | awk '{s += $1} END {print s + 0}'`)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(out))
	return n
}

// records waits for footage that was not there before.
func (b *bench) records() {
	b.Helper()
	before := b.footage()
	b.await("new footage", func() bool { return b.footage() > before+20_000 })
}

// flooded waits until the camera has sent n more packets on a wire with a carrier.
func (b *bench) flooded(n int64) {
	b.Helper()
	goal := b.account.sent.Load() + n
	b.await("the flood", func() bool { return b.account.sent.Load() > goal })
}

// contained fails where anything got through, ever.
func (b *bench) contained(when string) {
	b.Helper()
	b.Logf("%.1f s: %s", time.Since(b.begun).Seconds(), when)
	if leak := b.account.leaked(); leak != "" {
		b.Fatalf("%s: %s, of %d sent", when, leak, b.account.sent.Load())
	}
}

// says fails unless a text holds all words.
func (b *bench) says(text string, words ...string) {
	b.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			b.Errorf("it does not say %q:\n%s", w, text)
		}
	}
}
