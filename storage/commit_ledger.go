package storage

import (
	"fmt"
	"os"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// applyLedgers writes the lines of a durable checkpoint into the ledgers. Of a
// camera whose ledger cannot be written now, every line of this checkpoint
// stays in the next one: a later line must not stand where an earlier one is
// missing, and one that was written is not synced any more.
func (s *session) applyLedgers(writes []ledgerWrite) {
	s.committer.unapplied = nil
	failed := map[string]bool{}
	for _, w := range writes {
		if failed[w.camera] {
			continue
		}
		if err := s.applyLedger(w); err != nil {
			failed[w.camera] = true
			s.dropLedger(w)
			s.log.Error("write ledger", "camera", w.camera, "volume", s.root, "error", err)
		}
	}
	for _, w := range writes {
		if failed[w.camera] {
			s.committer.unapplied = append(s.committer.unapplied, w)
		}
	}
	s.mu.Lock()
	s.lagging = failed
	s.mu.Unlock()
}

// dropLedger closes a ledger after an error, so that the next write opens it
// anew and cuts what this one left.
func (s *session) dropLedger(w ledgerWrite) {
	rel := ledgerPath(w.camera, w.day)
	if f := s.committer.ledgers[rel]; f != nil {
		_ = f.Close() // its lines stay in the checkpoint
		delete(s.committer.ledgers, rel)
	}
}

func (s *session) applyLedger(w ledgerWrite) error {
	rel := ledgerPath(w.camera, w.day)
	f := s.committer.ledgers[rel]
	if f == nil {
		made, err := makeDirs(s.fs, s.root, w.camera+"/"+ledgerDir)
		s.soil(made...)
		if err == nil {
			f, err = s.fs.OpenFile(s.abs(rel), os.O_RDWR|os.O_CREATE, 0o640)
		}
		if err != nil {
			return fmt.Errorf("open ledger: %w", err)
		}
		s.committer.ledgers[rel] = f
		s.soil(s.abs(w.camera + "/" + ledgerDir))
		if err := s.cutLedger(f, w); err != nil {
			return err
		}
	}
	if _, err := f.WriteBuffersAt([][]byte{w.lines}, w.offset); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

// cutLedger cuts what a ledger has behind the lines that commits made true: of
// a crash, or of the same lines written before.
func (s *session) cutLedger(f vfs.File, w ledgerWrite) error {
	size, err := f.Size()
	if err == nil && size > w.offset {
		err = f.Truncate(w.offset)
	}
	if err != nil {
		return fmt.Errorf("cut ledger: %w", err)
	}
	if size < w.offset {
		s.log.Error("ledger is shorter than it was", "camera", w.camera, "volume", s.root, "bytes", size, "promised", w.offset)
		// The hole is one damaged line, not the beginning of ours.
		if _, err := f.WriteBuffersAt([][]byte{{'\n'}}, w.offset-1); err != nil {
			return fmt.Errorf("cut ledger: %w", err)
		}
	}
	return nil
}
