package ui

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// Holds is what nothing may delete, and what people delete by hand. Camera ids
// are those of the site file, ranges half-open; a Problem is shown as it is.
type Holds interface {
	// Holds lists the holds in force, the oldest first.
	Holds() ([]HoldView, error)
	// Place puts a hold in force, and waits until it is durable.
	Place(ctx context.Context, h HoldView) error
	// Remove ends a hold, and waits until that is durable. ErrNotFound: there is none.
	Remove(ctx context.Context, id, by, why string) error
	// Plan says what deleting a range by hand would take now; with the id of an
	// earlier plan, what that took, or a Problem when that cannot be had any more.
	Plan(camera string, from, to time.Time, plan string) (DeletionView, error)
	// Delete deletes what a plan took, if that can still be had. It waits until that
	// is done, but not for those who read it.
	Delete(ctx context.Context, d DeletionView, by, why string) (DeletedView, error)
}

// HoldView is a hold: of every stream of a camera, whatever touches the range.
type HoldView struct {
	ID      string     `json:"id"`
	Camera  string     `json:"camera"`
	From    time.Time  `json:"from"`
	To      time.Time  `json:"to"`
	By      string     `json:"by,omitempty"`
	Why     string     `json:"why,omitempty"`
	Created time.Time  `json:"created"`
	Expires *time.Time `json:"expires,omitempty"`
}

// Bounds of what is said of holds and deletions.
const (
	maxWhy     = 500 // bytes
	holdWithin = 20 * time.Second
)

// What the audit and confirmations call these changes.
const (
	actionHoldPlace  = "hold.place"
	actionHoldRemove = "hold.remove"
)

func newHoldID() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// getHolds lists holds: all of them to those who read everything, to others those
// of cameras whose footage they may see. Who held it and why is for those who may
// hold it themselves.
func (s *Server) getHolds(w http.ResponseWriter, r *http.Request) {
	p := query(r, "camera")
	camera := p.text("camera")
	if p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	list, err := s.opt.Holds.Holds()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	who, mine := principal(r), []HoldView{}
	for _, h := range list {
		groups, known := s.opt.Groups(h.Camera)
		exports := known && who.May(auth.Export, h.Camera, groups)
		switch {
		case camera != "" && h.Camera != camera:
			continue
		case s.opt.Accounts == nil, hearsDetails(who), exports:
		case known && who.May(auth.Playback, h.Camera, groups):
			h.By, h.Why = "", ""
		default:
			continue
		}
		mine = append(mine, h)
	}
	writeJSON(w, map[string][]HoldView{"holds": mine})
}

// postHold places a hold.
func (s *Server) postHold(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		From, To time.Time
		Why      string
		Expires  *time.Time
	}
	p := query(r, "camera")
	err := error(nil)
	if p.problem != nil {
		err = p.problem
	} else {
		err = readBody(r, &sent)
	}
	h := HoldView{
		ID: newHoldID(), Camera: p.text("camera"), From: sent.From.UTC(), To: sent.To.UTC(), By: principal(r).Name(),
		Created: s.opt.Now().UTC(), Expires: sent.Expires,
	}
	if err == nil {
		err = errors.Join(checkRange(h.From, h.To), s.checkExpiry(sent.Expires))
	}
	if err == nil && !principal(r).Is(auth.Admin) && h.To.Sub(h.From) > maxListRange {
		err = &Problem{http.StatusBadRequest, "the range is too long", fmt.Sprintf("hold at most %d h at once, or ask an admin", int(maxListRange.Hours()))}
	}
	if err == nil {
		h.Why, err = reasonOf(sent.Why, maxWhy)
	}
	if err == nil {
		err = s.placeHold(r, h)
	}
	answer[HoldView](s, w, r)(h, err)
}

// checkRange refuses what is no range of footage, also of footage to come.
func checkRange(from, to time.Time) error {
	if from.Year() < 1970 || to.Year() > 2200 || !from.Before(to) {
		return &Problem{http.StatusBadRequest, "from is not before to", "give RFC 3339 times; ranges are half-open: [from, to)"}
	}
	return nil
}

func (s *Server) checkExpiry(at *time.Time) error {
	if at != nil && (!at.After(s.opt.Now()) || at.Year() > 2200) {
		return &Problem{http.StatusBadRequest, "expires is not a time to come", "give a later time, or leave it out to hold until somebody removes it"}
	}
	return nil
}

// reasonOf reads why something is done, in at most so many bytes.
func reasonOf(text string, most int) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > most {
		return "", &Problem{http.StatusBadRequest, "a reason is needed", fmt.Sprintf("say why, in at most %d bytes: the audit keeps it", most)}
	}
	return text, nil
}

// placeHold places a hold, written down before.
func (s *Server) placeHold(r *http.Request, h HoldView) error {
	e := holdEntry(principal(r), actionHoldPlace, h, h.Why)
	e.After = state(h)
	return s.carry(r, e, func(ctx context.Context) error { return s.opt.Holds.Place(ctx, h) })
}

// removal is what a second admin confirms.
type removal struct {
	Hold string `json:"hold"`
	Why  string `json:"why"`
}

// deleteHold ends a hold, or asks a second admin to.
func (s *Server) deleteHold(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Why string }
	p, what := principal(r), removal{Hold: r.PathValue("hold")}
	err := readBody(r, &sent)
	if err == nil {
		what.Why, err = reasonOf(sent.Why, maxWhy)
	}
	var h HoldView
	if err == nil {
		h, err = s.hold(what.Hold)
	}
	if err == nil {
		err = s.opt.Accounts.AskSecond(p, actionHoldRemove, "hold:"+h.ID, h.words()+": "+what.Why, what)
	}
	if err == nil {
		err = s.removeHold(r, p, "", what)
	}
	s.finish(w, r, err)
}

// words say which hold, to whoever is to confirm its end.
func (h HoldView) words() string {
	return fmt.Sprintf("%s %s – %s (%s, %s)", h.Camera, stamp(h.From), stamp(h.To), h.By, h.Why)
}

// hold finds a hold in force.
func (s *Server) hold(id string) (HoldView, error) {
	list, err := s.opt.Holds.Holds()
	if err != nil {
		return HoldView{}, err
	}
	i := slices.IndexFunc(list, func(h HoldView) bool { return h.ID == id })
	if i < 0 {
		return HoldView{}, noHold()
	}
	return list[i], nil
}

func noHold() *Problem {
	return &Problem{http.StatusNotFound, "there is no such hold", "it may have ended: GET /api/v1/holds lists those in force"}
}

// removeHold ends a hold for p, and for second if that is somebody.
func (s *Server) removeHold(r *http.Request, p auth.Principal, second string, what removal) error {
	h, err := s.hold(what.Hold)
	if err != nil && second != "" { // what was confirmed is accounted for
		return s.undone(r, entryOf(p, actionHoldRemove, "hold:"+what.Hold, what.Why+confirmedBy(second)), err)
	}
	if err != nil {
		return err
	}
	e := holdEntry(p, actionHoldRemove, h, what.Why+confirmedBy(second))
	e.Before = state(h)
	err = s.carry(r, e, func(ctx context.Context) error { return s.opt.Holds.Remove(ctx, h.ID, both(p, second), what.Why) })
	if errors.Is(err, ErrNotFound) {
		return noHold()
	}
	return err
}

func holdEntry(p auth.Principal, action string, h HoldView, detail string) audit.Entry {
	e := entryOf(p, action, "hold:"+h.ID, detail)
	e.Camera, e.From, e.To = h.Camera, &h.From, &h.To
	return e
}

// confirmedBy is what an entry says of a second admin.
func confirmedBy(second string) string {
	if second == "" {
		return ""
	}
	return "; confirmed by " + second
}

// both names who stands behind something.
func both(p auth.Principal, second string) string {
	if second == "" {
		return p.Name()
	}
	return p.Name() + " and " + second
}

// carry does what cannot be undone: written down before, and again when it
// failed. It goes on when whoever asked goes away.
func (s *Server) carry(r *http.Request, e audit.Entry, do func(context.Context) error) error {
	if err := s.note(r, e); err != nil {
		return err
	}
	ctx, end := context.WithTimeout(context.WithoutCancel(r.Context()), holdWithin)
	defer end()
	err := do(ctx)
	if err == nil {
		return nil
	}
	return s.undone(r, e, err)
}

// undone writes down why something was not done, or not in full yet.
func (s *Server) undone(r *http.Request, e audit.Entry, err error) error {
	if errors.Is(err, ErrWaits) {
		e.Detail += "; " + why(err)
	} else {
		e.Outcome, e.Detail = "refused", strings.TrimPrefix(e.Detail+"; not done: "+why(err), "; ")
	}
	return errors.Join(err, s.note(r, e))
}

// why is what the audit says of an error: those without a Problem may hold paths,
// and are in the log.
func why(err error) string {
	if p := (*Problem)(nil); errors.As(err, &p) {
		return p.Message
	}
	if errors.Is(err, ErrNotFound) {
		return "there is none"
	}
	return "see the recorder's log"
}

// confirmed carries out what a second admin has just confirmed, if it is ours.
func (s *Server) confirmed(r *http.Request, id string) error {
	c, ok, err := s.opt.Accounts.TakeConfirmed(id)
	if err != nil || !ok {
		return err
	}
	switch c.Kind {
	case actionHoldRemove:
		var what removal
		if err := json.Unmarshal(c.What, &what); err != nil {
			return fmt.Errorf("read what was confirmed: %w", err)
		}
		return s.removeHold(r, c.By, c.Second, what)
	case actionDelete:
		var what deletion
		if err := json.Unmarshal(c.What, &what); err != nil {
			return fmt.Errorf("read what was confirmed: %w", err)
		}
		return s.deleteConfirmed(r, c.By, c.Second, what)
	}
	return fmt.Errorf("nobody carries out a confirmation of the kind %q", c.Kind)
}
