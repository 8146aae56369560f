package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// demoPrefix begins the name of every demo's directory.
const demoPrefix = "stockade-demo-"

// What a demo that is forgotten may take of the disk.
const (
	demoKeeps   = 15 * time.Minute
	demoTakes   = 4 << 30 // bytes, the oldest footage goes first
	demoNeeds   = 2 << 30 // bytes free at the start
	demoReserve = 1 << 30 // bytes that it leaves free in any case
)

// makeDemoDir makes the directory of a demo that is locked for as long as this
// process lives. It refuses a disk that is nearly full.
func makeDemoDir() (dir string, lock *os.File, err error) {
	if free, err := freeBytes(os.TempDir()); err != nil {
		return "", nil, err
	} else if free < demoNeeds {
		return "", nil, fmt.Errorf("%s has %d MiB free and the demo wants %d: free some, or name another directory with TMPDIR", os.TempDir(), free>>20, demoNeeds>>20)
	}
	if dir, err = os.MkdirTemp("", demoPrefix); err != nil {
		return "", nil, fmt.Errorf("make the demo's directory: %w", err)
	}
	lock, err = os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		err = lockDemo(lock)
	}
	if err != nil {
		removeDemo(dir)
		return "", nil, fmt.Errorf("lock the demo's directory: %w", err)
	}
	return dir, lock, nil
}

// removeDemo removes a demo's directory; what stays is tried again by the next demo.
func removeDemo(dir string) { _ = os.RemoveAll(dir) }

func freeBytes(dir string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

// demoFloor is how much of the disk must stay free so that the demo takes no
// more than its share of it.
func demoFloor(free int64) int64 { return max(free-demoTakes, demoReserve) }

func lockDemo(f *os.File) error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(err, f.Close())
	}
	return nil
}

// sweepDemos removes what demos left behind that were killed with their child.
// Everybody may write to the directory for temporary files, so only what this
// user made, and what nobody else could have put something into, is touched.
func sweepDemos(tmp string) {
	dirs, err := filepath.Glob(filepath.Join(tmp, demoPrefix+"*"))
	if err != nil {
		return // the pattern is constant
	}
	for _, dir := range dirs {
		if !oursAlone(dir) {
			continue
		}
		lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			continue
		}
		if lockDemo(lock) != nil {
			continue // alive
		}
		removeDemo(dir)
		lock.Close()
	}
}

// oursAlone tells whether a path is a real directory of this user's that nobody
// else can write to.
func oursAlone(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
