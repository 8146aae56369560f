package storage

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// AppendLedgerLine writes a line of any kind behind a camera's ledger, as a
// later version may have.
func AppendLedgerLine(t testing.TB, root, volume, camera, kind string, from, to time.Time) {
	t.Helper()
	head, _, err := readLedgers(vfs.OS{}, root, volume, camera, ledgerHead{}, func(ledgerLine) {})
	if err != nil {
		t.Fatal(err)
	}
	l := ledgerLine{Kind: lineKind(kind), At: time.Now(), Camera: camera, Start: from, End: to}
	b, _, err := appendLine(nil, l, head.hash)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(root, ledgerPath(camera, head.day)), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
}
