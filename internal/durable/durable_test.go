package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stockade-nvr/stockade/internal/durable"
)

func TestAFileIsReplacedWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	refused := errors.New("refused")
	for _, step := range []struct {
		content string
		dress   func(*os.File) error
		want    string
		mode    os.FileMode
		err     error
	}{
		{"first", nil, "first", 0o600, nil},
		{"second", func(f *os.File) error { return f.Chmod(0o640) }, "second", 0o640, nil},
		{"third", func(*os.File) error { return refused }, "second", 0o640, refused},
	} {
		if err := durable.Replace(path, []byte(step.content), step.dress); !errors.Is(err, step.err) {
			t.Fatalf("%s: %v", step.content, err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != step.want {
			t.Errorf("after %s the file has %q, %v", step.content, got, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != step.mode {
			t.Errorf("after %s: %v, %v", step.content, info, err)
		}
	}
	// A directory is in the way: the rename fails, and nothing is left behind.
	if err := os.Mkdir(filepath.Join(dir, "busy"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.Replace(filepath.Join(dir, "busy"), []byte("x"), nil); err == nil {
		t.Error("a directory is replaced by a file")
	}
	if err := durable.Replace(filepath.Join(dir, "none", "file"), []byte("x"), nil); err == nil {
		t.Error("a directory is made for it")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
