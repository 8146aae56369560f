package ui

import (
	"errors"
	"net/http"
	"time"
)

const (
	maxReportRange = 400 * 24 * time.Hour // as long as the journal keeps
	reportPatience = time.Minute
)

// getReport gives the signed report of a period. That it was taken is in the audit.
func (s *Server) getReport(w http.ResponseWriter, r *http.Request) {
	p := query(r, "from", "to")
	from, to := p.span(time.Now(), maxReportRange)
	if p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="report.json"`)
	if r.Method == http.MethodHead { // which takes nothing
		return
	}
	entry := entryOf(principal(r), "report.make", "", from.Format(time.RFC3339)+" to "+to.Format(time.RFC3339))
	err := s.views.take(principal(r), time.Now())
	if err == nil {
		err = s.note(r, entry)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	control := http.NewResponseController(w)
	if err := errors.Join(control.SetReadDeadline(time.Time{}), control.SetWriteDeadline(time.Now().Add(reportPatience))); err != nil {
		s.log.Debug("give a report its time", "error", err)
	}
	ctx, end := s.whileReader(r)
	defer end()
	text, err := s.opt.Report(ctx, from, to)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if _, err := w.Write(text); err != nil {
		s.log.Debug("a report was not taken", "error", err)
	}
}
