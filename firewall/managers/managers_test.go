package managers_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/firewall/managers"
)

var camera = []string{"br-cam", "enp2s0", "enp3s0"}

// tree writes files below a root of their own.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// all gives every file below a root.
func all(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Managers that are there are told, once, and told again when their file was
// changed; those that are not get no file; withdrawing leaves nothing.
func TestReleaseTellsManagersThatAreThere(t *testing.T) {
	root := tree(t, map[string]string{"usr/lib/systemd/systemd-networkd": "", "etc/NetworkManager/NetworkManager.conf": "[main]\n"})
	before := all(t, root)
	if u := managers.Untold(root, camera); len(u) != 2 || len(all(t, root)) != len(before) {
		t.Errorf("untold %q", u)
	}
	wrote, err := managers.Release(root, camera)
	if err != nil || len(wrote) != 2 || !strings.Contains(wrote[1], "networkctl reload") {
		t.Fatalf("wrote %q, %v", wrote, err)
	}
	files := all(t, root)
	for name, says := range map[string]string{
		"run/NetworkManager/conf.d/90-nvr.conf": "unmanaged-devices+=interface-name:=br-cam;interface-name:=enp2s0;interface-name:=enp3s0\n",
		"run/systemd/network/00-nvr.network":    "[Match]\nName=br-cam enp2s0 enp3s0\n\n[Link]\nUnmanaged=yes\n",
	} {
		if !strings.Contains(files[name], says) {
			t.Errorf("%s says %q", name, files[name])
		}
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		if !strings.Contains(managers.Text(root, camera), says) {
			t.Errorf("the plan does not show %s", name)
		}
	}
	if u := managers.Untold(root, camera); len(u) != 0 {
		t.Errorf("untold %q", u)
	}
	if wrote, err := managers.Release(root, camera); err != nil || len(wrote) != 0 {
		t.Errorf("wrote again %q, %v", wrote, err)
	}
	if wrote, err := managers.Release(root, camera[:2]); err != nil || len(wrote) != 2 {
		t.Errorf("with a port less wrote %q, %v", wrote, err)
	}
	if err := managers.Withdraw(root); err != nil {
		t.Fatal(err)
	}
	if after := all(t, root); len(after) != len(before) {
		t.Errorf("left %v", after)
	}
	empty := t.TempDir()
	if wrote, err := managers.Release(empty, camera); err != nil || len(wrote) != 0 || len(all(t, empty)) != 0 {
		t.Errorf("without managers wrote %q, %v", wrote, err)
	}
}

// A file that cannot be written is an error with the fix, and keeps no other from being so.
func TestReleaseSaysWhatItCannotWrite(t *testing.T) {
	root := tree(t, map[string]string{"usr/lib/systemd/systemd-networkd": "", "run/NetworkManager/conf.d": "in the way"})
	wrote, err := managers.Release(root, camera)
	if err == nil || !strings.Contains(err.Error(), "NetworkManager may take camera ports") || !strings.Contains(err.Error(), "as root") {
		t.Errorf("error %v", err)
	}
	if len(wrote) != 1 || all(t, root)["run/systemd/network/00-nvr.network"] == "" {
		t.Errorf("wrote %q", wrote)
	}
}

func TestConflicts(t *testing.T) {
	root := tree(t, map[string]string{
		"etc/network/interfaces":                   "auto lo eth0\niface lo inet loopback\n# iface enp2s0 inet dhcp\n  iface enp2s0 inet dhcp\n",
		"etc/network/interfaces.d/cams":            "allow-hotplug /enp3s0 enp3s0\n",
		"etc/netplan/01.yaml":                      "network:\n  ethernets:\n    eth0: {dhcp4: true}\n    \"enp3s0\":\n      dhcp4: true\n    x:\n      set-name: enp2s0\n",
		"etc/dhcpcd.conf":                          "denyinterfaces br-* enp2s0\ninterface enp3s0\nstatic ip_address=10.0.0.1/8\n",
		"etc/init.d/dhcpcd":                        "",
		"etc/systemd/network/00-a.network":         "[Match]\nName=en*\n[Network]\nName=enp9s0\n",
		"etc/systemd/network/50-all.network":       "[Match]\nName=*\n",
		"run/systemd/network/10-netplan-x.network": "[Match]\nName=enp2s0\n",
	})
	var got []string
	for _, c := range managers.Conflicts(root, camera) {
		got = append(got, c.String())
	}
	want := []string{
		"/etc/network/interfaces:4: ifupdown sets up enp2s0; take the line out",
		"/etc/network/interfaces.d/cams:1: ifupdown sets up enp3s0; take the line out",
		"/etc/netplan/01.yaml:4: netplan sets up enp3s0; take it out, and run netplan apply",
		"/etc/netplan/01.yaml:7: netplan sets up enp2s0; take it out, and run netplan apply",
		"/etc/dhcpcd.conf:2: dhcpcd sets up enp3s0; take the stanza out, and add the line: denyinterfaces enp3s0",
		"/etc/dhcpcd.conf: dhcpcd takes enp3s0 wherever it runs; add the line: denyinterfaces enp3s0",
		"/etc/systemd/network/00-a.network:2: systemd-networkd sets up enp2s0; take the name out, or call the file by a name that sorts after 00-nvr.network",
		"/etc/systemd/network/00-a.network:2: systemd-networkd sets up enp3s0; take the name out, or call the file by a name that sorts after 00-nvr.network",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if c := managers.Conflicts(tree(t, map[string]string{"etc/dhcpcd.conf": ""}), camera); len(c) != 0 {
		t.Errorf("a dhcpcd that is no service: %v", c)
	}
}

// Whatever stands in the system's files, the search ends and names a line that is there.
func FuzzConflicts(f *testing.F) {
	f.Add("iface enp2s0 inet dhcp\n")
	f.Add("[Match]\nName=e[np* enp2s0\n\"enp2s0\":\n")
	f.Add("denyinterfaces [\ninterface enp2s0")
	root := f.TempDir()
	files := []string{"etc/network/interfaces", "etc/netplan/a.yaml", "etc/dhcpcd.conf", "etc/systemd/network/00-a.network"}
	for _, name := range append(files, "etc/init.d/dhcpcd") {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o644); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		name := filepath.Join(dir, "etc/network/interfaces")
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, c := range managers.Conflicts(dir, camera) {
			if c.Line < 0 || c.Line > strings.Count(text, "\n")+1 || c.Fix == "" {
				t.Errorf("%+v", c)
			}
		}
	})
}

// Another network, such as a demo's, is none of the system's managers'.
func TestHere(t *testing.T) {
	for name, c := range map[string]struct {
		own, first, ids string
		want            bool
	}{
		"the system's":                     {"net:[1]", "net:[1]", "", true},
		"another":                          {"net:[2]", "net:[1]", "0 0 4294967295", false},
		"may not ask":                      {"net:[1]", "", "         0          0 4294967295\n", true},
		"in a user namespace, may not ask": {"net:[2]", "", "0 1000 1\n", false},
		"no proc":                          {"", "", "", false},
	} {
		proc := tree(t, map[string]string{"self/uid_map": c.ids, "1/status": "", "self/ns/x": "", "1/ns/x": ""})
		for link, to := range map[string]string{"self/ns/net": c.own, "1/ns/net": c.first} {
			if to == "" {
				continue
			}
			if err := os.Symlink(to, filepath.Join(proc, link)); err != nil {
				t.Fatal(err)
			}
		}
		if got := managers.Here(proc); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
