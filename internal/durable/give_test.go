package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/internal/durable"
)

// A service that was taken over leads root nowhere else by what it puts into its directory.
func TestRootIsNotLedOutOfADirectory(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	victim := filepath.Join(outside, "victim")
	made := filepath.Join(outside, "made")
	err := errors.Join(
		os.WriteFile(victim, []byte("precious"), 0o600),
		os.Symlink(victim, filepath.Join(dir, "link")),
		os.Symlink(made, filepath.Join(dir, "dangling")),
		os.Link(victim, filepath.Join(dir, "second")),
		unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600),
		os.Mkdir(filepath.Join(dir, "directory"), 0o700),
	)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{"link", "dangling", "second", "pipe", "directory"} {
		if f, err := durable.OpenIn(root, name, os.O_CREATE|os.O_RDONLY); !errors.Is(err, durable.ErrForeign) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
	if err := durable.ReplaceIn(root, "link", []byte("new"), nil); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != "precious" {
		t.Errorf("the file that a link led to: %q, %v", b, err)
	}
	if _, err := os.Lstat(made); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made where a link led to: %v", err)
	}
	f, err := durable.OpenIn(root, "plain", os.O_CREATE|os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(durable.GiveToOwner(root, f), f.Close()); err != nil {
		t.Error(err)
	}
}

// While a file is published, its directory is moved, and a link put in its place.
func TestAReplacedDirectoryLeadsNowhereElse(t *testing.T) {
	above, outside := t.TempDir(), t.TempDir()
	dir := filepath.Join(above, "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(above, "moved")
	err := durable.Replace(filepath.Join(dir, "mark"), []byte("x"), func(*os.File) error {
		return errors.Join(os.Rename(dir, moved), os.Symlink(outside, dir))
	})
	if err != nil {
		t.Error(err)
	}
	if list, err := os.ReadDir(outside); err != nil || len(list) > 0 {
		t.Errorf("written elsewhere: %v, %v", list, err)
	}
	if _, err := os.Stat(filepath.Join(moved, "mark")); err != nil {
		t.Error(err)
	}
}
