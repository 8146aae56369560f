package configs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/configs"
)

func TestStrangeFilesAreRefusedAtOnce(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"hyphens", strings.Repeat("- ", 4_000_000), "1:1: the line has"},
		{"brackets", "version: 1\na: " + strings.Repeat("[\n", 100_000), "66:1: 65 brackets"},
		{"braces", strings.Repeat("{a: \n", 100_000), "65:1: 65 brackets"},
		{"one long value", "version: 1\nsite: {name: " + strings.Repeat("x", 5000) + "}", "2:1: the line has"},
		{"not UTF-8", "version: 1\nsite: {name: Caf\xe9}\n", "2:1: the line is not text"},
		{"a database", "version: 1\n\x00\x00", "2:1: the line is not text"},
		{"too large", strings.Repeat("# comment\n", 1_000_000), "1:1: the file has"},
		{"nested as deep as lines allow", deep(900), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			begin := time.Now()
			_, err := configs.Parse([]byte(tt.file))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("says %.200v", err)
			}
			if d := time.Since(begin); d > 5*time.Second {
				t.Errorf("took %s", d)
			}
		})
	}
}

// deep nests lists, each further to the right.
func deep(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "-\n")
	}
	return b.String()
}

func TestALargeSiteIsReadQuickly(t *testing.T) {
	var devices, cameras strings.Builder
	for i := range 1300 {
		fmt.Fprintf(&devices, "  - {id: d%d, ip: 10.20.%d.%d, mac: 02:00:00:01:%02x:%02x}\n", i, 2+i/250, 1+i%250, i/256, i%256)
		fmt.Fprintf(&cameras, "  - {id: c%d, device: d%d, streams: {main: {path: /m}}}\n", i, i)
	}
	file := strings.Replace(valid, "cameras:\n", devices.String()+"cameras:\n"+cameras.String(), 1)
	begin := time.Now()
	s, err := configs.Parse([]byte(file))
	if err != nil || len(s.Cameras) != 1302 {
		t.Fatal(err)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("took %s", d)
	}
}

func TestWriteKeepsModeAndLink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "nvr.yaml"), filepath.Join(dir, "link.yaml")
	s, err := configs.Write(path, []byte(valid), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(path, 0o640), os.Symlink("nvr.yaml", link)); err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(valid, "Camp North", "Camp South", 1)
	if _, err := configs.Write(link, []byte(changed), s.Revision); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	info, err = os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestOneOfManyWritersWins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nvr.yaml")
	s, err := configs.Write(path, []byte(valid), "")
	if err != nil {
		t.Fatal(err)
	}
	errs := make([]error, 20)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			file := strings.Replace(valid, "Camp North", fmt.Sprintf("Camp %d", i), 1)
			_, errs[i] = configs.Write(path, []byte(file), s.Revision)
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, configs.ErrConflict):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d writers replaced the same revision", won)
	}
}
