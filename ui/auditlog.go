package ui

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

func (s *Server) getAudit(w http.ResponseWriter, r *http.Request) {
	p := query(r, "from", "to", "actor", "action", "object", "camera", "q", "cursor", "limit")
	f := auditFilter(p)
	f.Cursor, f.Limit = p.text("cursor"), p.number("limit", 1, maxPageSize, 100)
	if p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	page, err := s.opt.Audit.Query(r.Context(), f)
	if errors.Is(err, audit.ErrCursor) {
		err = &Problem{http.StatusBadRequest, "cursor is not one of this list", "give the next of the page before, or none"}
	}
	answer[audit.Page](s, w, r)(page, err)
}

// getAuditExport gives the audit as a file. That it was taken is in it. It is cut
// off when the right to it ends.
func (s *Server) getAuditExport(w http.ResponseWriter, r *http.Request) {
	p := query(r, "from", "to", "actor", "action", "object", "camera", "q", "format")
	f := auditFilter(p)
	format, err := audit.ParseFormat(p.text("format"))
	if err != nil {
		p.bad("format is neither json nor csv", "write json or csv, or leave it out")
	}
	if p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	if r.Method != http.MethodHead { // which takes nothing
		if err := s.auditExported(r, format); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	kind, name := "application/x-ndjson", "audit.ndjson"
	if format == audit.CSV {
		kind, name = "text/csv; charset=utf-8", "audit.csv"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	if r.Method == http.MethodHead {
		return
	}
	ctx, end := s.whileReader(r)
	defer end()
	out := &patient{ResponseWriter: w, control: http.NewResponseController(w)}
	defer context.AfterFunc(ctx, out.end)()
	if err := s.opt.Audit.Export(ctx, out, f, format); err != nil {
		s.log.Debug("audit export ended", "error", err)
		panic(http.ErrAbortHandler) // half an export must not look like a whole one
	}
}

// auditExported writes down that the audit is taken. Without the entry it is not.
func (s *Server) auditExported(r *http.Request, format audit.Format) error {
	if err := s.views.take(principal(r), time.Now()); err != nil {
		return err
	}
	return s.note(r, entryOf(principal(r), "audit.export", string(format), ""))
}

// verifyPatience bounds a verification: some millions of entries.
const verifyPatience = time.Minute

func (s *Server) getAuditVerify(w http.ResponseWriter, r *http.Request) {
	if p := query(r); p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	// The answer comes when all has been read: longer than others may take.
	control := http.NewResponseController(w)
	if err := errors.Join(control.SetReadDeadline(time.Time{}), control.SetWriteDeadline(time.Now().Add(verifyPatience))); err != nil {
		s.log.Debug("give a verification its time", "error", err)
	}
	ctx, end := s.whileReader(r)
	defer end()
	report, err := s.opt.Audit.Verify(ctx)
	if errors.Is(context.Cause(ctx), auth.ErrRevoked) {
		err = &Problem{http.StatusUnauthorized, "the right to read the audit ended meanwhile", "sign in again"}
	}
	answer[audit.Report](s, w, r)(report, err)
}

func auditFilter(p *params) audit.Filter {
	return audit.Filter{
		From: p.time("from"), To: p.time("to"), Actor: p.text("actor"), Action: p.text("action"),
		Object: p.text("object"), Camera: p.text("camera"), Text: p.text("q"),
	}
}
