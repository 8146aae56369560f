package managers

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stockade-nvr/stockade/internal/durable"
)

// file is one that tells a manager to leave interfaces alone.
type file struct {
	Manager string // NetworkManager or systemd-networkd
	Path    string // below the root
	Content string
	reload  string   // command that makes a manager which runs read it
	signs   []string // paths below the root, any of which says that the manager is there
}

const head = "# Written by nvr firewall arm, removed by nvr firewall disarm: the camera side is not for others.\n"

// ownNetwork sorts before what others, netplan among them, write: the first that
// matches an interface counts (systemd.network(5)).
const ownNetwork = "00-nvr.network"

// files are those for these interfaces, whether or not a manager is there. They
// are found by what is installed, not by what runs: arming comes before them.
func files(interfaces []string) []file {
	var devices []string
	for _, i := range interfaces {
		devices = append(devices, "interface-name:="+i)
	}
	return []file{
		{
			Manager: "NetworkManager", Path: "run/NetworkManager/conf.d/90-nvr.conf", reload: "systemctl reload NetworkManager",
			Content: head + "[keyfile]\nunmanaged-devices+=" + strings.Join(devices, ";") +
				"\n\n[device-nvr]\nmatch-device=" + strings.Join(devices, ",") + "\nmanaged=0\n",
			signs: []string{"run/NetworkManager", "usr/lib/NetworkManager", "etc/NetworkManager/NetworkManager.conf"},
		},
		{
			Manager: "systemd-networkd", Path: "run/systemd/network/" + ownNetwork, reload: "networkctl reload",
			Content: head + "[Match]\nName=" + strings.Join(interfaces, " ") + "\n\n[Link]\nUnmanaged=yes\n",
			signs:   []string{"run/systemd/netif", "usr/lib/systemd/systemd-networkd", "lib/systemd/systemd-networkd"},
		},
	}
}

// Release writes the files of those managers that are there, where they are not
// what they should be, whole or not at all. It tells what it wrote, in words; a
// file that cannot be written keeps no other from being so.
func Release(root string, interfaces []string) (wrote []string, err error) {
	var errs []error
	for _, f := range files(interfaces) {
		path := filepath.Join(root, f.Path)
		if have, err := os.ReadFile(path); !f.there(root) || err == nil && string(have) == f.Content {
			continue
		}
		if err := publish(path, []byte(f.Content)); err != nil {
			errs = append(errs, fmt.Errorf("%s may take camera ports: %w; run nvr firewall arm as root", f.Manager, err))
			continue
		}
		wrote = append(wrote, fmt.Sprintf("%s was told to leave camera ports alone, by /%s; one that runs learns it with: %s", f.Manager, f.Path, f.reload))
	}
	return wrote, errors.Join(errs...)
}

// Untold names the managers that are there and were not told, and changes nothing.
func Untold(root string, interfaces []string) (list []string) {
	for _, f := range files(interfaces) {
		if have, err := os.ReadFile(filepath.Join(root, f.Path)); f.there(root) && (err != nil || string(have) != f.Content) {
			list = append(list, fmt.Sprintf("%s may take camera ports: /%s does not say what it should; run nvr firewall arm as root", f.Manager, f.Path))
		}
	}
	return list
}

// Withdraw removes the files.
func Withdraw(root string) error {
	var errs []error
	for _, f := range files(nil) {
		if err := os.Remove(filepath.Join(root, f.Path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("give camera ports back to %s: %w", f.Manager, err))
		}
	}
	return errors.Join(errs...)
}

func (f file) there(root string) bool { return anyThere(root, f.signs) }

func anyThere(root string, paths []string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		_, err := os.Stat(filepath.Join(root, p))
		return err == nil
	})
}

// Text is what Release would write, for people.
func Text(root string, interfaces []string) string {
	var b strings.Builder
	for _, f := range files(interfaces) {
		if f.there(root) {
			fmt.Fprintf(&b, "\n# %s leaves camera ports alone: /%s\n%s", f.Manager, f.Path, strings.TrimPrefix(f.Content, head))
		}
	}
	return b.String()
}

// publish writes a file whole or not at all, under a name meanwhile that neither
// manager reads.
func publish(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make its directory: %w", err)
	}
	// networkd reads it as a user of its own.
	if err := durable.Replace(path, content, func(f *os.File) error { return f.Chmod(0o644) }); err != nil {
		return fmt.Errorf("write its file: %w", err)
	}
	return nil
}

// Here reports whether the system's managers see this process's network: whether
// it is that of process 1. Where that may not be asked, a process in a user
// namespace of its own, such as a demo, is taken to be elsewhere.
func Here(proc string) bool {
	own, err := os.Readlink(filepath.Join(proc, "self/ns/net"))
	if err != nil {
		return false
	}
	if first, err := os.Readlink(filepath.Join(proc, "1/ns/net")); err == nil {
		return own == first
	}
	ids, err := os.ReadFile(filepath.Join(proc, "self/uid_map"))
	return err == nil && bytes.Equal(bytes.Join(bytes.Fields(ids), []byte(" ")), []byte("0 0 4294967295"))
}
