package netfilter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

const procSys = "/proc/sys"

// sysctl gives a setting's value; absent is true where this kernel lacks it.
func sysctl(path string) (value string, absent bool, err error) {
	b, err := os.ReadFile(filepath.Join(procSys, path))
	if errors.Is(err, os.ErrNotExist) {
		return "", true, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read a setting: %w", err)
	}
	return strings.TrimSpace(string(b)), false, nil
}

// loadSysctls writes only what differs, so that a read-only /proc/sys with the
// right values is no obstacle.
func (k *Kernel) loadSysctls(want []ruleset.Sysctl) error {
	for _, s := range want {
		have, absent, err := sysctl(s.Path)
		if err != nil {
			return err
		}
		if have == s.Value && !absent || absent && (s.Optional || unplugged(s)) {
			continue
		}
		err = os.WriteFile(filepath.Join(procSys, s.Path), []byte(s.Value), 0o644)
		if errors.Is(err, syscall.EROFS) {
			return fmt.Errorf("/proc/sys is read-only, as in containers and under ProtectKernelTunables=: set %s = %s from outside: %w",
				s.Path, s.Value, err)
		}
		if err != nil {
			return fmt.Errorf("set %s = %s: %w", s.Path, s.Value, permitted(err))
		}
	}
	return nil
}

// unplugged reports whether the interface that a setting belongs to is not there.
func unplugged(s ruleset.Sysctl) bool {
	_, err := os.Stat(filepath.Dir(filepath.Join(procSys, s.Path)))
	return errors.Is(err, os.ErrNotExist)
}
