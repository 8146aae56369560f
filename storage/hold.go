package storage

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Hold is footage that nothing may delete (S5): of every stream of a camera
// each segment that touches [From, To), also one that is still to be recorded.
// A hold never changes: it is placed, and it ends.
type Hold struct {
	ID      string    `json:"id"` // 16 hexadecimal digits
	Camera  string    `json:"camera"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"` // half-open
	By      string    `json:"by"`
	Why     string    `json:"why"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: until somebody removes it
}

// HoldEnd says why a hold is none any more. By is empty when it expired.
type HoldEnd struct {
	At  time.Time `json:"at"`
	By  string    `json:"by,omitempty"`
	Why string    `json:"why,omitempty"`
}

// The errors of holds and of deletion by hand.
var (
	// ErrAway: a volume of which something was to be deleted is not in use any more.
	ErrAway = errors.New("storage: its volume is not in use")
	// ErrHoldsUnread: what is held is not known, so nothing may be deleted.
	ErrHoldsUnread = errors.New("storage: holds cannot be read")
	// ErrUncounted: what was to be deleted is noted and goes, but what is gone by
	// now could not be looked up.
	ErrUncounted = errors.New("storage: what was deleted by now cannot be looked up")
	// ErrNoHold: there is no such hold, or it has ended.
	ErrNoHold = errors.New("storage: there is no such hold")
	// ErrHoldExpired: a hold was to end before it begins.
	ErrHoldExpired = errors.New("give a time that is yet to come")
	// ErrTooManyHolds: there are maxHolds already.
	ErrTooManyHolds = errors.New("storage: too many holds: remove what is not needed any more")
	// ErrHoldWaits: what was asked for is in force in memory, and not on every
	// volume in use yet; the store goes on trying.
	ErrHoldWaits = errors.New("storage: not every volume in use has stated it yet")
)

const (
	maxHolds   = 10_000 // in force
	maxHoldBy  = 256    // bytes
	maxHoldWhy = 512    // bytes
	expireDone = "its time is over"
)

// newHoldID makes the id of a hold.
func newHoldID() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func validHoldID(id string) bool {
	return len(id) == 16 && strings.Trim(id, "0123456789abcdef") == ""
}

// check says what of a hold cannot be kept.
func (h Hold) check() error {
	switch {
	case !validHoldID(h.ID):
		return fmt.Errorf("storage: %q is not 16 hexadecimal digits", h.ID)
	case !validID(h.Camera):
		return fmt.Errorf("storage: %q cannot be the name of a camera", h.Camera)
	case !validTime(h.From) || !validTime(h.To) || !h.From.Before(h.To):
		return fmt.Errorf("storage: hold from %v to %v", h.From, h.To)
	case !h.Expires.IsZero() && !validTime(h.Expires):
		return fmt.Errorf("storage: hold cannot expire at %v", h.Expires)
	case len(h.By) > maxHoldBy || len(h.Why) > maxHoldWhy:
		return fmt.Errorf("storage: a hold says in at most %d bytes who placed it, and in %d why", maxHoldBy, maxHoldWhy)
	}
	return nil
}

// PlaceHold puts a hold in force at once, and waits until it is durable in the
// ledgers of every volume in use and until nothing that it covers is on its way
// out: what is listed of its range when PlaceHold returns stays. What had been
// stated as deleted before, goes. Volumes that come later are told when they do.
// ErrHoldWaits, when ctx ends first, says that it is in force all the same. Of
// the hold an empty ID and Created are filled in.
func (s *Store) PlaceHold(ctx context.Context, h Hold) (Hold, error) {
	if h.ID == "" {
		h.ID = newHoldID()
	}
	if h.Created.IsZero() {
		h.Created = s.opts.Now()
	}
	h.From, h.To, h.Created = h.From.UTC().Round(0), h.To.UTC().Round(0), h.Created.UTC().Round(0)
	if !h.Expires.IsZero() {
		h.Expires = h.Expires.UTC().Round(0)
	}
	h.By, h.Why = cutText(h.By, maxHoldBy), strings.ToValidUTF8(h.Why, "")
	if err := h.check(); err != nil {
		return h, err
	}
	if !h.Expires.IsZero() && !h.Expires.After(s.opts.Now()) {
		return h, fmt.Errorf("storage: hold expires at %v, which is over: %w", h.Expires, ErrHoldExpired)
	}
	if err := s.holds.add(h); err != nil {
		return h, err
	}
	return h, s.awaitHold(ctx, func() bool {
		return s.holds.statedOn(h.ID, s.inUse()) && !s.leavingHeld(h)
	})
}

// RemoveHold ends a hold, and waits until that is durable in the ledgers of
// every volume in use; only then may anything be deleted. ErrNoHold, or
// ErrHoldWaits when ctx ends first.
func (s *Store) RemoveHold(ctx context.Context, id, by, why string) error {
	end := HoldEnd{
		At: s.opts.Now().UTC().Round(0),
		By: cutText(by, maxHoldBy), Why: cutText(why, maxHoldWhy),
	}
	if !s.holds.end(id, end) {
		return ErrNoHold
	}
	return s.awaitHold(ctx, func() bool { return s.holds.over(id) })
}

// cutText bounds what a ledger line quotes.
func cutText(text string, most int) string {
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}

// Holds lists the holds in force, the oldest first. An error says that they
// cannot be read, and that nothing is deleted.
func (s *Store) Holds() ([]Hold, error) { return s.holds.list() }

// awaitHold waits until ok, looking whenever something about holds changes.
func (s *Store) awaitHold(ctx context.Context, ok func() bool) error {
	ticker := time.NewTicker(10 * time.Millisecond) // footage leaves without a word to the holds
	defer ticker.Stop()
	for {
		changed := s.holds.wait() // before looking, or a change between is missed
		if ok() {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrHoldWaits, ctx.Err())
		case <-changed:
		case <-ticker.C:
		}
	}
}

// inUse gives the numbers of the volumes that take lines now.
func (s *Store) inUse() (numbers []uint16) {
	for _, v := range s.volumes {
		if ses := v.session(); ses != nil && ses.failure() == nil {
			numbers = append(numbers, ses.number)
		}
	}
	return numbers
}

// leavingHeld reports whether something that a hold covers was chosen for
// deletion before it, and is not gone or given back yet.
func (s *Store) leavingHeld(h Hold) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range s.doomed {
		if h.touches(seg) {
			return true
		}
	}
	return false
}

// touches reports whether a hold covers something of a segment.
func (h Hold) touches(seg Segment) bool {
	return h.Camera == seg.Camera && seg.Start.Before(h.To) && seg.End.After(h.From)
}

// holdsEvery is how often expired holds are looked for.
const holdsEvery = time.Second

// holdsLoop ends what expired, and takes note of what is stated everywhere.
func (s *Store) holdsLoop(ctx context.Context) {
	ticker := time.NewTicker(holdsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.expireHolds()
		s.holds.settle(s.inUse())
	}
}

// expireHolds ends the holds whose time is over. S7: only while the clock can
// be trusted; what ended so is stated, and does not come back with the clock.
func (s *Store) expireHolds() {
	now := s.opts.Now()
	ids := s.holds.expired(now)
	if len(ids) == 0 || s.noDeletion() != "" {
		return
	}
	streams, err := s.Streams()
	if err != nil || s.checkClock(now, streams) != "" {
		return // retention says so
	}
	for _, id := range ids {
		if s.holds.end(id, HoldEnd{At: now.UTC().Round(0), Why: expireDone}) {
			s.log.Info("hold expired", "hold", id)
		}
	}
}
