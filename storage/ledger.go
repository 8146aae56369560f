package storage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// ledgerHead is where a camera's ledger on a volume ends: what the next line follows.
type ledgerHead struct {
	day  string // of the newest file; empty when there is none
	size int64  // of that file, in bytes
	hash [32]byte
}

// ledgerWrite is lines of one camera-day, to be written at an offset. Writing
// them again changes nothing.
type ledgerWrite struct {
	camera string
	day    string
	offset int64
	lines  []byte
}

// after gives the bytes behind the write.
func (w ledgerWrite) after() int64 { return w.offset + int64(len(w.lines)) }

// writeLines turns lines of one camera into writes behind its head, and gives
// the new head. The day never goes back, whatever the clock does (S7).
func writeLines(head ledgerHead, camera string, lines []ledgerLine, now time.Time) (ledgerWrite, ledgerHead, error) {
	if day := now.UTC().Format(dayLayout); day > head.day {
		head.day, head.size = day, 0
	}
	w := ledgerWrite{camera: camera, day: head.day, offset: head.size}
	var err error
	for _, l := range lines {
		if w.lines, head.hash, err = appendLine(w.lines, l, head.hash); err != nil {
			return w, head, err
		}
	}
	head.size = w.after()
	return w, head, nil
}

// scanned is what a ledger file holds.
type scanned struct {
	good    int64    // bytes up to and with the last whole line
	hash    [32]byte // of that line; zero if none
	damaged int      // lines before good that cannot be read or do not follow the one before
}

// scanLedger calls each with every whole line of a ledger file's content. What
// stands behind the last whole line, torn by a crash, is not counted as damage.
// If prev is not nil the first line must follow it.
func scanLedger(content []byte, prev *[32]byte, each func(ledgerLine)) scanned {
	var s scanned
	pending, pos := 0, int64(0)
	for len(content) > 0 {
		n := bytes.IndexByte(content, '\n')
		if n < 0 {
			break
		}
		line := content[:n]
		content = content[n+1:]
		pos += int64(n) + 1
		l, err := parseLine(line)
		if err != nil {
			pending++
			continue
		}
		if prev != nil && l.Prev != hex.EncodeToString(prev[:]) {
			s.damaged++
		}
		s.damaged += pending
		s.good, s.hash, pending = pos, sha256.Sum256(line), 0
		prev = &s.hash
		each(l)
	}
	return s
}

// readFile reads a whole file through the seam; a missing one is empty.
func readFile(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if int64(n) < size {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

// ledgerDays lists the days of which a camera has a ledger, oldest first.
func ledgerDays(fsys vfs.FS, root, camera string) ([]string, error) {
	list, err := fsys.ReadDir(path.Join(root, camera, ledgerDir))
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list ledgers: %w", err)
	}
	var days []string
	for _, e := range list {
		if day, ok := strings.CutSuffix(e.Name(), ledgerSuffix); ok && validDay(day) && !e.IsDir() {
			days = append(days, day)
		}
	}
	return days, nil
}

// readLedgers calls each with every line of a camera from a head on (the zero
// head reads everything), and gives where the ledger ends and how much of it is damaged.
func readLedgers(fsys vfs.FS, root, volume, camera string, from ledgerHead, each func(ledgerLine)) (ledgerHead, int, error) {
	days, err := ledgerDays(fsys, root, camera)
	if err != nil {
		return from, 0, err
	}
	head, damaged := from, 0
	if from.day == "" {
		head.hash = genesis(volume, camera)
	}
	for _, day := range days {
		if day < from.day {
			continue
		}
		content, err := readFile(fsys, path.Join(root, ledgerPath(camera, day)))
		if err != nil {
			return head, damaged, fmt.Errorf("read ledger: %w", err)
		}
		start := int64(0)
		if day == from.day {
			start = from.size
		}
		if start > int64(len(content)) { // shorter than it was
			damaged++
			continue
		}
		s := scanLedger(content[start:], &head.hash, each)
		damaged += s.damaged
		if s.good > 0 {
			head = ledgerHead{day, start + s.good, s.hash}
		} else if day > head.day {
			head.day, head.size = day, 0
		}
	}
	return head, damaged, nil
}
