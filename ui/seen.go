package ui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// view is footage, or a live picture, that somebody looks at.
type view struct {
	right    auth.Right // by which
	camera   string
	stream   string
	from, to time.Time // zero for a live picture
}

// viewed writes down that somebody began to look at something; closed, that
// they ended. Requests that belong together are one view, see package audit.
// Without accounts nobody could be named, and nothing is written. An error says
// that this user began too many views of late: entries are kept for good.
func (s *Server) viewed(r *http.Request, v view) (closed func(), err error) {
	if s.opt.Accounts == nil {
		return func() {}, nil
	}
	e := v.entry(r, "")
	if !s.opt.Audit.Viewing(e) {
		if err := s.views.take(principal(r), time.Now()); err != nil {
			return nil, err
		}
	}
	end := s.opt.Audit.Opened(e)
	return func() { end("") }, nil
}

// exported writes down that footage leaves the recorder. Without the entry it
// does not.
func (s *Server) exported(r *http.Request, v view, reason string) error {
	if s.opt.Accounts == nil {
		return nil
	}
	if err := s.views.take(principal(r), time.Now()); err != nil {
		return err
	}
	return s.note(r, v.entry(r, reason))
}

// entry is what the audit says of a view.
func (v view) entry(r *http.Request, detail string) audit.Entry {
	e := entryOf(principal(r), ActionExport, v.stream+" "+string(v.right), detail)
	e.Source, e.Camera = address(r), v.camera
	if !v.from.IsZero() {
		e.From, e.To = &v.from, &v.to
	}
	return e
}

// ActionExport is what an export is written as.
const ActionExport = "footage.export"

// note writes down what was done through us that package auth does not write itself.
func (s *Server) note(r *http.Request, e audit.Entry) error {
	e.Source = address(r)
	if err := s.opt.Audit.Append(e); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	return nil
}

// entryOf begins an entry by a principal.
func entryOf(p auth.Principal, action, object, detail string) audit.Entry {
	return audit.Entry{
		Actor: p.Name(), ActorID: p.User.ID, Via: p.Via(), Action: action, Object: object,
		Outcome: "ok", Detail: detail,
	}
}

// EntryOf is what package auth tells, as the audit keeps it.
func EntryOf(e auth.Event) audit.Entry {
	return audit.Entry{
		Time: e.Time, Actor: e.Actor, ActorID: e.ActorID, Via: e.Via, Source: e.Source, Action: e.Action,
		Object: e.Object, Before: state(e.Before), After: state(e.After), Outcome: e.Outcome, Detail: e.Detail,
	}
}

// state is one side of a change as JSON.
func state(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil { // an entry is never lost for its form
		b, err = json.Marshal(fmt.Sprintf("%T that cannot be written: %v", v, err))
		if err != nil {
			return nil
		}
	}
	return b
}
