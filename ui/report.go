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

// Report is the signed report of a period, as JSON or as a page to be printed.
type Report struct {
	Text   []byte
	Policy string // the page's Content-Security-Policy; empty for JSON
}

// getReport gives the signed report of a period. That it was taken is in the audit.
func (s *Server) getReport(w http.ResponseWriter, r *http.Request) {
	p := query(r, "from", "to", "page")
	from, to := p.span(time.Now(), maxReportRange)
	as := p.text("page")
	if as != "" && as != "en" && as != "ko" {
		p.bad("page is no language of ours", "write en or ko, or leave it out for JSON")
	}
	if p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	if as == "" {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Disposition", `attachment; filename="report.json"`)
	} else {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Disposition", `inline; filename="report.html"`)
	}
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
	made, err := s.opt.Report(ctx, from, to, as)
	if err != nil {
		w.Header().Del("Content-Disposition")
		s.fail(w, r, err)
		return
	}
	if made.Policy != "" {
		w.Header().Set("Content-Security-Policy", made.Policy)
	}
	if _, err := w.Write(made.Text); err != nil {
		s.log.Debug("a report was not taken", "error", err)
	}
}
