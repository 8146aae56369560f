package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// unreadLedger is what of a camera on one volume cannot be read: its ledger, or
// a directory. The volume is used all the same, the camera is tried again in
// the background, and nothing of it is deleted meanwhile, on any volume: a hold
// may be stated where it cannot be read.
type unreadLedger struct {
	volume *volume
	camera string
}

// unread notes a camera of the volume that could not be read.
func (s *session) unread(camera string, err error) {
	s.log.Error("camera cannot be read", "camera", camera, "volume", s.root, "error", err)
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.unread[unreadLedger{s.vol, camera}] = err.Error()
}

// isUnread reports whether something of a camera is not read, on any volume.
func (s *Store) isUnread(camera string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for u := range s.unread {
		if u.camera == camera {
			return true
		}
	}
	return false
}

func (s *Store) unreadList() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for u, cause := range s.unread {
		list = append(list, fmt.Sprintf("%s on %s: %s", u.camera, u.volume.path, cause))
	}
	slices.Sort(list)
	return list
}

// readUnread tries the cameras again that could not be read.
func (s *Store) readUnread(ctx context.Context) error {
	s.mu.Lock()
	var list []unreadLedger
	for u := range s.unread {
		list = append(list, u)
	}
	s.mu.Unlock()
	var errs []error
	for _, u := range list {
		ses := u.volume.session()
		if ses == nil {
			continue
		}
		if err := s.readCamera(ctx, ses, u); err != nil {
			errs = append(errs, fmt.Errorf("camera %s on volume %s: %w", u.camera, u.volume.path, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Store) readCamera(ctx context.Context, ses *session, u unreadLedger) error {
	ses.using.Lock()
	defer ses.using.Unlock()
	if err := errors.Join(ctx.Err(), ses.failure()); err != nil || ses.released {
		return err
	}
	b := rebuilding{session: ses, camera: u.camera}
	if err := b.run(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unread, u)
	return nil
}
