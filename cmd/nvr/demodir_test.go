package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSweepTouchesOnlyWhatThisUsersDemosLeft(t *testing.T) {
	tmp, elsewhere := t.TempDir(), t.TempDir()
	inside := func(name string) string { return filepath.Join(tmp, demoPrefix+name) }
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	made := func(name string, mode os.FileMode, lock bool) string {
		dir := inside(name)
		check(os.Mkdir(dir, 0o700))
		check(os.Chmod(dir, mode))
		if lock {
			check(os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600))
		}
		return dir
	}
	dead := made("dead", 0o700, true)
	open := made("open", 0o755, true)
	bare := made("bare", 0o700, false)
	alive := made("alive", 0o700, true)
	held, err := os.OpenFile(filepath.Join(alive, "lock"), os.O_RDWR, 0)
	check(err)
	check(lockDemo(held))
	t.Cleanup(func() { held.Close() })
	lured := made("lured", 0o700, false)
	check(os.Symlink(filepath.Join(elsewhere, "target"), filepath.Join(lured, "lock")))
	victim := filepath.Join(elsewhere, "victim")
	check(os.Mkdir(victim, 0o700))
	check(os.Symlink(victim, inside("link")))
	kept := []string{open, bare, alive, lured, victim}
	if os.Geteuid() == 0 {
		theirs := made("theirs", 0o700, true)
		check(os.Chown(theirs, 65534, 65534))
		kept = append(kept, theirs)
	}

	sweepDemos(tmp)

	if _, err := os.Lstat(dead); !os.IsNotExist(err) {
		t.Error("what a dead demo left is still there")
	}
	for _, dir := range kept {
		if _, err := os.Lstat(dir); err != nil {
			t.Errorf("%s was touched: %v", dir, err)
		}
	}
	for _, file := range []string{filepath.Join(victim, "lock"), filepath.Join(bare, "lock"), filepath.Join(elsewhere, "target")} {
		if _, err := os.Lstat(file); !os.IsNotExist(err) {
			t.Errorf("%s was made", file)
		}
	}
}

func TestDemoTakesItsShareOfTheDiskAndNoMore(t *testing.T) {
	for free, want := range map[int64]int64{100 << 30: 96 << 30, 6 << 30: 2 << 30, 3 << 30: 1 << 30} {
		if got := demoFloor(free); got != want {
			t.Errorf("of %d GiB free, %d GiB stay; want %d", free>>30, got>>30, want>>30)
		}
	}
	t.Setenv("TMPDIR", "/proc") // nothing is free there
	if dir, _, err := makeDemoDir(); err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("made %q on a full disk: %v", dir, err)
	}
}
