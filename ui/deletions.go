package ui

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

const actionDelete = "footage.delete"

// DeletionView says what deleting a camera's range by hand would take: whole
// segments, of every stream, also where they reach beyond the range.
type DeletionView struct {
	Camera   string         `json:"camera"`
	From     time.Time      `json:"from"`
	To       time.Time      `json:"to"`
	Plan     string         `json:"plan"` // names exactly these segments
	Segments int            `json:"segments"`
	Bytes    int64          `json:"bytes"`
	Ranges   []DeletionPart `json:"ranges"`  // what goes
	Held     []DeletionPart `json:"held"`    // stays: a hold covers it
	Growing  []DeletionPart `json:"growing"` // stays: it is being written
	Away     []DeletionPart `json:"away"`    // stays: its volume is not in use
}

// DeletionPart is a stretch of segments that follow each other.
type DeletionPart struct {
	Stream   string    `json:"stream"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Segments int       `json:"segments"`
	Bytes    int64     `json:"bytes"`
}

// DeletedView says what came of a deletion by hand.
type DeletedView struct {
	Segments int   `json:"segments"`
	Bytes    int64 `json:"bytes"`
	Held     int   `json:"held"`    // stayed: a hold came first
	Waiting  int   `json:"waiting"` // go later: somebody reads them, or their volume deletes nothing now
}

// getDeletions says what would be deleted.
func (s *Server) getDeletions(w http.ResponseWriter, r *http.Request) {
	p := query(r, "camera", "from", "to")
	camera := p.text("camera")
	from, to := p.span(s.opt.Now(), maxListRange)
	err := error(nil)
	if p.problem != nil {
		err = p.problem
	} else {
		err = s.knownCamera(camera)
	}
	var d DeletionView
	if err == nil {
		d, err = s.opt.Holds.Plan(camera, from, to, "")
	}
	answer[DeletionView](s, w, r)(d, err)
}

func (s *Server) knownCamera(camera string) error {
	if _, known := s.opt.Groups(camera); !known {
		return &Problem{http.StatusNotFound, "there is no such camera", "GET /api/v1/cameras lists the ids"}
	}
	return nil
}

// deletion is what somebody asks for, and a second admin confirms.
type deletion struct {
	Camera string    `json:"camera"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Plan   string    `json:"plan"`
	Why    string    `json:"why"`
}

// postDeletion deletes what a plan takes, or asks a second admin to.
func (s *Server) postDeletion(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		Camera   string
		From, To time.Time
		Plan     string
		Why      string
	}
	p := principal(r)
	err := readBody(r, &sent)
	what := deletion{Camera: sent.Camera, From: sent.From.UTC(), To: sent.To.UTC(), Plan: sent.Plan}
	if err == nil {
		err = checkRange(what.From, what.To)
	}
	if err == nil && what.To.Sub(what.From) > maxListRange { // as a plan's
		err = &Problem{http.StatusBadRequest, "the range is too long", fmt.Sprintf("delete at most %d h at once", int(maxListRange.Hours()))}
	}
	if err == nil {
		what.Why, err = reasonOf(sent.Why, maxWhy)
	}
	if err == nil && sent.Plan == "" {
		err = &Problem{http.StatusBadRequest, "plan is missing", "GET /api/v1/deletions says what would go, and gives its plan"}
	}
	if err == nil {
		err = s.knownCamera(what.Camera)
	}
	var plan DeletionView
	if err == nil {
		plan, err = s.opt.Holds.Plan(what.Camera, what.From, what.To, what.Plan)
	}
	if err == nil {
		err = s.askDeletion(p, what, plan)
	}
	var d DeletedView
	if err == nil {
		d, err = s.deleteFootage(r, deletionEntry(p, "", what), plan, p.Name(), what.Why)
	}
	answer[DeletedView](s, w, r)(d, err)
}

// askDeletion asks a second admin, where the site wants two.
func (s *Server) askDeletion(p auth.Principal, what deletion, plan DeletionView) error {
	if plan.Segments == 0 {
		return &Problem{http.StatusConflict, "nothing of that range can be deleted", "GET /api/v1/deletions says what is held or being written"}
	}
	detail := fmt.Sprintf("%s %s – %s, %d segments, %d MiB: %s", what.Camera, stamp(what.From), stamp(what.To), plan.Segments, plan.Bytes>>20, what.Why)
	return s.opt.Accounts.AskSecond(p, actionDelete, "camera:"+what.Camera, detail, what)
}

func deletionEntry(p auth.Principal, second string, what deletion) audit.Entry {
	e := entryOf(p, actionDelete, "camera:"+what.Camera, what.Why+confirmedBy(second))
	e.Camera, e.From, e.To = what.Camera, &what.From, &what.To
	return e
}

// deleteConfirmed deletes what p asked for and second confirmed, if that is what
// the plan said still.
func (s *Server) deleteConfirmed(r *http.Request, p auth.Principal, second string, what deletion) error {
	e := deletionEntry(p, second, what)
	plan, err := s.opt.Holds.Plan(what.Camera, what.From, what.To, what.Plan)
	if err != nil {
		return s.undone(r, e, err) // what was confirmed is accounted for
	}
	_, err = s.deleteFootage(r, e, plan, both(p, second), what.Why)
	return err
}

// deleteFootage deletes what a plan takes, as e says in the audit.
func (s *Server) deleteFootage(r *http.Request, e audit.Entry, plan DeletionView, by, why string) (d DeletedView, err error) {
	e.Before = state(plan)
	err = s.carry(r, e, func(ctx context.Context) (err error) {
		d, err = s.opt.Holds.Delete(ctx, plan, by, why)
		return err
	})
	if err == nil && d.Held+d.Waiting > 0 {
		e.Before, e.After = nil, state(d)
		e.Detail += fmt.Sprintf("; of %d segments %d stay, since a hold came first, and %d go later", plan.Segments, d.Held, d.Waiting)
		err = s.note(r, e)
	}
	return d, err
}
