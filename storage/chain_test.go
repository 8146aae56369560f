package storage_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path"
	"testing"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// chain checks a camera's ledgers with nothing but what the format's
// description says: CRC, JSON, and that each line names the hash of the one
// before, across days. It gives the lines.
func chain(t testing.TB, fsys vfs.FS, root, camera, volume string) []map[string]any {
	t.Helper()
	dir := path.Join(root, camera, "ledger")
	list, _ := fsys.ReadDir(dir)
	var lines []map[string]any
	prev := sha256.Sum256(fmt.Appendf(nil, "stockade ledger\n%s\n%s\n", volume, camera))
	for _, e := range list {
		name := path.Join(dir, e.Name())
		b := read(t, fsys, name)
		if !bytes.HasSuffix(b, []byte("\n")) {
			t.Fatalf("%s does not end in a line feed", name)
		}
		for line := range bytes.Lines(b) {
			line = bytes.TrimSuffix(line, []byte("\n"))
			var l map[string]any
			if err := json.Unmarshal(line, &l); err != nil {
				t.Fatalf("%s: %v in %q", name, err, line)
			}
			body := line[:bytes.LastIndex(line, []byte(`,"crc"`))]
			sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
			if l["crc"] != fmt.Sprintf("%08x", sum) || l["prev"] != hex.EncodeToString(prev[:]) {
				t.Fatalf("%s: broken chain at %s", name, line)
			}
			prev = sha256.Sum256(line)
			lines = append(lines, l)
		}
	}
	return lines
}

// read gives a whole file.
func read(t testing.TB, fsys vfs.FS, name string) []byte {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n != len(b) {
		t.Fatal(err)
	}
	return b
}
