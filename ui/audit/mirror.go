package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/internal/proof"
)

// Heads lie on a volume as lines, one behind the other:
//
//	VOLUME/.stockade-audit/heads.ndjson
//
// The directory's name begins like everything that is ours on a volume and not
// footage: storage leaves it alone.
const (
	mirrorDir  = ".stockade-audit"
	mirrorFile = "heads.ndjson"
	maxMirror  = 64 << 20 // bytes; a head a day for centuries
)

// readMirror reads the heads on a volume, and how many lines are none. A line
// that a crash tore off at the end is not counted. No file is no error.
func readMirror(root string) (heads []proof.Head, bad int, err error) {
	f, err := os.Open(filepath.Join(root, mirrorDir, mirrorFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read heads: %w", err)
	}
	defer f.Close()
	text, err := readLines(f)
	if err != nil {
		return nil, 0, fmt.Errorf("read heads of %s: %w", root, err)
	}
	for line := range bytes.Lines(text) {
		h, err := proof.ParseHead(bytes.TrimSuffix(line, []byte{'\n'}))
		if err != nil {
			bad++
			continue
		}
		heads = append(heads, h)
	}
	return heads, bad, nil
}

// Stranger gives a volume that has heads of another log than this database's; ""
// if none has. Then an account of this box, or of another, was begun elsewhere.
// A volume that cannot be read counts as one without heads.
func (l *Log) Stranger(roots []string) (root string, err error) {
	var list string
	if err := l.db.View(func(tx *bbolt.Tx) error {
		s, err := openStore(tx)
		list = s.list
		return err
	}); err != nil {
		return "", fmt.Errorf("look for other audit logs: %w", err)
	}
	for _, root := range roots {
		heads, _, err := readMirror(root)
		if err != nil {
			l.log.Error("read heads of the audit log", "volume", root, "error", err)
		}
		for _, h := range heads {
			if h.List != list {
				return root, nil
			}
		}
	}
	return "", nil
}

var errMirrorSize = errors.New("the file is larger than any of ours")

// readLines reads whole lines.
func readLines(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxMirror+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxMirror {
		return nil, errMirrorSize
	}
	return text[:bytes.LastIndexByte(text, '\n')+1], nil
}

// mirror appends to a volume the heads that it does not have. What is there
// stays, whatever it is: it may be evidence. Only a torn last line is cut.
func mirror(root string, heads []proof.Head) error {
	dir := filepath.Join(root, mirrorDir)
	switch err := os.Mkdir(dir, 0o700); { // root itself is not made: it may be a mount point
	case err == nil:
		if err := syncDir(root); err != nil {
			return fmt.Errorf("mirror heads: %w", err)
		}
	case !errors.Is(err, fs.ErrExist):
		return fmt.Errorf("mirror heads: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, mirrorFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("mirror heads: %w", err)
	}
	err = appendHeads(f, heads)
	if err = errors.Join(err, f.Close(), syncDir(dir)); err != nil {
		return fmt.Errorf("mirror heads to %s: %w", root, err)
	}
	return nil
}

// appendHeads writes the heads that are not in the file, and syncs it.
func appendHeads(f *os.File, heads []proof.Head) error {
	text, err := readLines(f)
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for line := range bytes.Lines(text) {
		have[string(line)] = true
	}
	var more []byte
	for _, h := range heads {
		if line := append(h.Encode(), '\n'); !have[string(line)] {
			more = append(more, line...)
		}
	}
	if len(more) == 0 {
		return nil
	}
	if err := f.Truncate(int64(len(text))); err != nil {
		return err
	}
	if _, err := f.WriteAt(more, int64(len(text))); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir makes a directory's entries durable.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
