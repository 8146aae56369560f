package netfilter

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// sudo takes SSH_CONNECTION from its child: the session is found in an ancestor.
func TestSSHIsFoundBehindSudo(t *testing.T) {
	proc := t.TempDir()
	for _, p := range []struct {
		pid, parent int
		environ     string
	}{
		{30, 20, "PATH=/usr/bin\x00SUDO_USER=kim\x00"},
		{20, 10, "SSH_CONNECTION=fe80::2%eth0 1 fe80::1%eth0 22\x00XSSH_CONNECTION=1 2 192.0.2.7 4\x00"},
		{10, 1, "LANG=C\x00SSH_CONNECTION=198.51.100.7 50000 192.0.2.9 22\x00SSH_CONNECTION=broken\x00"},
		{1, 0, ""},
	} {
		dir := filepath.Join(proc, fmt.Sprint(p.pid))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"environ": p.environ, "status": fmt.Sprintf("Name:\tx\nPPid:\t%d\n", p.parent)} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := []netip.Addr{netip.MustParseAddr("fe80::1"), netip.MustParseAddr("192.0.2.9")}
	if got := sshAddresses(proc, 30); !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	if got := sshAddresses(proc, 99); len(got) != 0 {
		t.Errorf("found %v of a process that is gone", got)
	}
}
