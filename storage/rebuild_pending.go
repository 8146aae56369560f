package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// loadPending finds out which volumes' ledgers are not all in the index: those
// marked so, and until the index was complete once those that it never saw.
func (s *Store) loadPending() error {
	rows, err := s.index.volumes()
	if err != nil {
		return err
	}
	complete, err := s.index.complete()
	if err != nil {
		return err
	}
	for _, v := range s.volumes {
		if row := v.known(rows); row.Rebuild || row.ID == "" && !complete {
			s.needRebuild(v, true)
		}
	}
	return nil
}

// needRebuild notes whether a volume's ledgers are to be read into the index.
func (s *Store) needRebuild(v *volume, needed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if needed {
		s.pending[v] = true
	} else {
		delete(s.pending, v)
	}
}

// rebuildNeeded reports whether the index lacks something of the volume.
func (s *Store) rebuildNeeded(v *volume) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending[v]
}

// noDeletion gives why nothing is deleted on any volume; empty if it may be.
// A hold may be stated on another volume than the footage, and what is oldest
// is not known before every ledger was read.
func (s *Store) noDeletion() string {
	if err := s.holds.ready(); err != nil {
		return err.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.volumes {
		if s.pending[v] {
			return fmt.Sprintf("the ledgers of volume %s are not read yet, and may hold footage: mount it, or take it out of the site file", v.path)
		}
	}
	if s.untiled {
		return "what was recorded before this start is not known yet"
	}
	return ""
}

func (s *Store) startRebuild() {
	select {
	case s.rebuild <- struct{}{}:
	default:
	}
}

// rebuildAgain is how often what could not be read is tried again.
const rebuildAgain = time.Minute

// rebuildLoop rebuilds in the background what attaching found to be missing:
// the box records first.
func (s *Store) rebuildLoop(ctx context.Context) {
	s.mu.Lock()
	waited := time.NewTimer(time.Until(s.awaitUntil))
	s.mu.Unlock()
	defer waited.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.rebuild:
		case <-waited.C:
		}
		if err := s.rebuildPending(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("rebuild index", "error", err)
			time.AfterFunc(rebuildAgain, s.startRebuild)
		}
	}
}

// Rebuild makes the index anew from the volumes' ledgers and files: rows whose
// file is gone are dropped, files that no ledger states are read with the
// Probe. Run does it by itself when the index was lost.
func (s *Store) Rebuild(ctx context.Context) error {
	for _, v := range s.volumes {
		if ses := v.session(); ses != nil {
			if err := ses.markRebuild(true); err != nil {
				return err
			}
		}
	}
	err := s.rebuildPending(ctx)
	if err != nil {
		s.startRebuild() // nothing is deleted before it is done
	}
	return err
}

func (s *Store) rebuildPending(ctx context.Context) error {
	s.rebuildMu.Lock()
	defer s.rebuildMu.Unlock()
	var errs []error
	for _, v := range s.volumes {
		ses := v.session()
		if ses == nil || !s.rebuildNeeded(v) {
			continue
		}
		start := time.Now()
		if err := s.rebuildVolume(ctx, ses); err != nil {
			errs = append(errs, fmt.Errorf("rebuild index of volume %s: %w", v.path, err))
			continue
		}
		s.log.Info("index rebuilt", "volume", v.path, "took", time.Since(start))
		errs = append(errs, s.trimAll())
	}
	err := errors.Join(errs...)
	if err == nil { // every volume that is there
		err = s.rebuilt()
	}
	return errors.Join(err, s.readUnread(ctx))
}

// rebuilt states what was missing before this start, once the index knows
// every volume that is there, and those that are not were waited for.
func (s *Store) rebuilt() error {
	s.mu.Lock()
	complete, tile := len(s.pending) == 0, s.untiled
	s.mu.Unlock()
	if complete {
		if err := s.index.setComplete(); err != nil {
			return err
		}
	}
	if !tile || s.awaiting() {
		return nil
	}
	if err := s.tileAll(); err != nil {
		return err
	}
	s.mu.Lock()
	s.untiled = false
	s.mu.Unlock()
	return nil
}

func (s *Store) rebuildVolume(ctx context.Context, ses *session) error {
	ses.using.Lock()
	defer ses.using.Unlock()
	if ses.released {
		return nil // attached again, it asks again
	}
	cameras, err := ses.cameras()
	if err != nil {
		return err
	}
	// Of cameras that only the index knows, rows are to be dropped.
	streams, err := s.index.streams()
	if err != nil {
		return err
	}
	for _, st := range streams {
		cameras = append(cameras, st.Camera)
	}
	slices.Sort(cameras)
	for _, camera := range slices.Compact(cameras) {
		if err := errors.Join(ctx.Err(), ses.failure()); err != nil {
			return err
		}
		b := rebuilding{session: ses, camera: camera}
		if err := b.run(ctx); err != nil && errors.Join(ctx.Err(), ses.failure()) == nil {
			ses.unread(camera, err) // the others are read all the same
		}
	}
	if err := errors.Join(ctx.Err(), ses.failure()); err != nil {
		return err
	}
	return ses.markRebuild(false)
}
