package ui

import (
	"context"
	"net/http"
	"time"
)

// Inspections is what pinned devices say of themselves.
type Inspections interface {
	// List gives the last inspection of each device that was ever asked, or of one;
	// ErrNotFound says that there is no such device. Nothing is asked.
	List(device string) ([]InspectionView, error)
	// Inspect asks a device now, within half a minute. That it answers nothing is no
	// error. A Problem says why it is not asked.
	Inspect(ctx context.Context, device string) (InspectionView, error)
}

// InspectionView is what was learnt of a device. Its words are the device's own:
// claims, and text.
type InspectionView struct {
	Device   string              `json:"device"`
	At       time.Time           `json:"at"`
	Outcome  string              `json:"outcome"` // answered, refused, closed, silent, unreachable, not-onvif, foreign
	Detail   string              `json:"detail,omitempty"`
	Fix      string              `json:"fix,omitempty"`
	Address  string              `json:"address,omitempty"` // where it answered
	Signed   bool                `json:"signed"`            // with the account of the site file
	Facts    []FactView          `json:"facts"`
	Findings []DeviceFindingView `json:"findings"` // worst first
	Untold   []UntoldView        `json:"untold"`
}

// InspectedView is an inspection in short.
type InspectedView struct {
	At       time.Time `json:"at"`
	Outcome  string    `json:"outcome"`
	Findings int       `json:"findings"`
	Level    string    `json:"level,omitempty"` // of the worst
}

// FactView is what sources say about one thing.
type FactView struct {
	Name    string      `json:"name"`
	Differs bool        `json:"differs,omitempty"`
	Claims  []ClaimView `json:"claims"`
}

// ClaimView is what one source says.
type ClaimView struct {
	Source string `json:"source"` // site-file, onvif, mac-list
	Value  string `json:"value"`
}

// DeviceFindingView is something about a device that somebody should know.
type DeviceFindingView struct {
	Code  string `json:"code"`
	Level string `json:"level"` // not-enforced, warning, note
	About string `json:"about,omitempty"`
	With  string `json:"with,omitempty"`
	Text  string `json:"text"` // in words
	Fix   string `json:"fix"`
}

// UntoldView is a question that the device did not answer.
type UntoldView struct {
	Operation string `json:"operation"`
	Why       string `json:"why"`
}

// getInspect shows what was learnt. It asks nothing, so that who may only read
// makes no device do anything.
func (s *Server) getInspect(w http.ResponseWriter, r *http.Request) {
	p := query(r, "device")
	if p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	listOf[InspectionView](s, w, r, "inspections")(s.opt.Inspections.List(p.text("device")))
}

// postInspect asks a device. The recorder's account goes there, so it is written
// down first: what cannot be accounted for is not done.
func (s *Server) postInspect(w http.ResponseWriter, r *http.Request) {
	device := r.PathValue("device")
	e := entryOf(principal(r), "device.inspect", "device:"+device, "")
	err := readNothing(r)
	if err == nil {
		_, err = s.opt.Inspections.List(device) // what does not exist is in no entry
	}
	if err == nil {
		err = s.note(r, e)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	said, err := s.opt.Inspections.Inspect(r.Context(), device)
	if err != nil {
		err = s.undone(r, e, err)
	}
	answer[InspectionView](s, w, r)(said, err)
}
