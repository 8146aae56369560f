package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// makeCgroup makes a control group of version 2 for a machine, beside this
// process: what is in one cannot have groups below it.
func makeCgroup() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("read the mounts: %w", err)
	}
	err = errors.New("they are not mounted")
	for _, top := range cgroupMounts(string(mounts)) {
		var dir string
		if dir, err = os.MkdirTemp(top, "stockade-machine-*"); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("make a control group of version 2: %w: in a container run it with --privileged, and there: mkdir -p /run/cgroup2 && mount -t cgroup2 none /run/cgroup2", err)
}

// cgroupMounts are the places where control groups of version 2 are mounted, the latest first.
func cgroupMounts(mountinfo string) (list []string) {
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		if f := strings.Fields(before); ok && strings.HasPrefix(after, "cgroup2 ") && len(f) > 4 {
			list = append([]string{f[4]}, list...)
		}
	}
	return list
}

// removeCgroup removes a machine's group and those below it once their processes are gone.
func removeCgroup(dir string) error {
	var err error
	for range 100 {
		var all []string
		err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				all = append(all, path)
			}
			return nil // a group that vanishes meanwhile is what is wanted
		})
		for i := len(all) - 1; i >= 0; i-- {
			err = errors.Join(err, os.Remove(all[i]))
		}
		if _, gone := os.Stat(dir); errors.Is(gone, fs.ErrNotExist) {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("remove the control group: %w", err)
}
