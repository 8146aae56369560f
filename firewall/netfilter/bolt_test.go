package netfilter_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bolt runs the script of the package on a list of ports.
func bolt(t *testing.T, names string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ports")
	if err := os.WriteFile(file, []byte(names), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("../../configs/deb/bolt", file).CombinedOutput()
	return string(out), err
}

// boltTables counts what the bolt has in the kernel.
func boltTables(t *testing.T) int {
	return strings.Count(shell(t, "nft list tables"), "nvr-bolt")
}

// The bolt gives way to the ruleset, and to nothing else.
func TestArmingDrawsTheBoltAfterTheReadBack(t *testing.T) {
	ports(t)
	shell(t, "ip link set p1 up")
	if out, err := bolt(t, "# head\np1\np2\nlate0\n"); err != nil {
		t.Fatal(err, out)
	}
	if n := boltTables(t); n != 4 {
		t.Errorf("%d tables, want those of inet, arp, bridge and netdev", n)
	}
	if out := shell(t, "ip -o link show p1"); strings.Contains(out, ",UP") {
		t.Errorf("the port is up: %s", out)
	}
	if out := shell(t, "ip rule show pref 1; ip -6 rule show pref 1"); strings.Count(out, "blackhole") != 6 {
		t.Errorf("routing rules of three ports: %s", out)
	}
	if out, err := bolt(t, "p1\np2\nlate0\n"); err != nil || boltTables(t) != 4 {
		t.Fatal("a second time:", err, out)
	}
	k := kernel(t, "")
	apply(t, k, site(t, 2))
	if n := boltTables(t); n != 0 {
		t.Errorf("%d tables of the bolt are left", n)
	}
	if f := findings(t, k); len(f) > 0 {
		t.Errorf("found %q", f)
	}
	// Once the ruleset is there, the bolt stays away.
	if out, err := bolt(t, "p1\n"); err != nil || boltTables(t) != 0 {
		t.Errorf("the bolt went in beside the ruleset: %v %s", err, out)
	}
}

func TestTheBoltRefusesWhatIsNoName(t *testing.T) {
	ports(t)
	out, err := bolt(t, "p1\n\"}; flush ruleset; #\n-x\n")
	if err == nil || !strings.Contains(out, "names no interface") {
		t.Errorf("it passes: %v: %s", err, out)
	}
	if boltTables(t) != 4 {
		t.Error("the other ports are not shut")
	}
	shell(t, "for f in inet arp bridge netdev; do nft delete table $f nvr-bolt; done; ip rule del pref 1; ip -6 rule del pref 1")
}
