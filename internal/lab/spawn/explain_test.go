package spawn

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestExplain(t *testing.T) {
	tests := map[string]struct {
		err     error
		root    bool
		setting map[string]string
		want    string
	}{
		"switched off":      {err: syscall.ENOSPC, want: "user.max_user_namespaces=15000"},
		"set to none":       {err: syscall.EPERM, setting: map[string]string{"user.max_user_namespaces": "0"}, want: "user.max_user_namespaces=15000"},
		"old Debian":        {err: syscall.EPERM, setting: map[string]string{"kernel.unprivileged_userns_clone": "0"}, want: "kernel.unprivileged_userns_clone=1, or sudo /home/me/bin/nvr demo"},
		"Ubuntu":            {err: syscall.EACCES, setting: map[string]string{"kernel.apparmor_restrict_unprivileged_userns": "1"}, want: "run: sudo /home/me/bin/nvr demo, or install a profile with \"userns,\""},
		"container":         {err: syscall.EPERM, setting: map[string]string{"kernel.unprivileged_userns_clone": "1"}, want: "containers"},
		"root, container":   {err: syscall.EPERM, root: true, setting: map[string]string{"kernel.apparmor_restrict_unprivileged_userns": "1"}, want: "containers"},
		"read-only /proc":   {err: syscall.EROFS, want: "read-only"},
		"no iptables":       {err: errMissing, want: "apt install iptables"},
		"something strange": {err: syscall.EINVAL, want: "a step in them failed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := explain(fmt.Errorf("make a bridge: %w", tt.err), tt.root, func(n string) string { return tt.setting[n] }, "sudo /home/me/bin/nvr demo").Error()
			if !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want it to contain %q", got, tt.want)
			}
			if strings.Contains(got, "\n") {
				t.Errorf("more than one line: %q", got)
			}
		})
	}
}

func TestAsRootNamesThisProgramAndItsArguments(t *testing.T) {
	before := os.Args
	defer func() { os.Args = before }()
	os.Args = []string{"./nvr", "demo", "--listen", "127.0.0.1:0", "it's"}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := asRoot(), "sudo "+self+" demo --listen 127.0.0.1:0 'it'\\''s'"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
