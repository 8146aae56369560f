package ui

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, v any) { writeStatus(w, http.StatusOK, v) }

// writeStatus answers with a value and a status.
func writeStatus(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // our own view types always marshal, but a time past year 9999 does not
		writeProblem(w, &Problem{http.StatusInternalServerError, "the answer could not be written as JSON", "see the recorder's log"})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client went away: nobody is left to tell
}

// writeProblem answers with an error and its fix.
func writeProblem(w http.ResponseWriter, p *Problem) {
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"error":"internal error","fix":"see the recorder's log"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}

// fail answers with what an error means. Errors that carry no Problem are
// logged and not shown: they may hold paths.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var p *Problem
	var refused *auth.Error
	switch {
	case errors.As(err, &p):
		if p.Status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer") // for programs; a browser shows nothing for it
		}
		writeProblem(w, p)
	case errors.As(err, &refused):
		writeRefusal(w, refused)
	case errors.Is(err, ErrNotFound):
		writeProblem(w, &Problem{http.StatusNotFound, "there is nothing of that kind here", "check the id and the range: GET /api/v1/cameras lists what exists"})
	case errors.Is(err, context.Canceled):
		// The client went away; nobody reads an answer.
	default:
		s.log.Error("request", "path", r.URL.Path, "error", err)
		writeProblem(w, &Problem{http.StatusInternalServerError, "internal error", "see the recorder's log"})
	}
}

// writeRefusal answers with what package auth says to whoever asked.
func writeRefusal(w http.ResponseWriter, e *auth.Error) {
	status := http.StatusInternalServerError
	switch e.Kind {
	case auth.Invalid:
		status = http.StatusBadRequest
	case auth.SignedOut:
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", "Bearer")
	case auth.Denied:
		status = http.StatusForbidden
	case auth.NotFound:
		status = http.StatusNotFound
	case auth.Conflict:
		status = http.StatusConflict
	case auth.Locked:
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	case auth.Pending:
		writeStatus(w, http.StatusAccepted, struct {
			Problem
			Confirmation string `json:"confirmation"`
		}{Problem{Message: e.Message, Fix: e.Fix}, e.Confirmation})
		return
	}
	writeProblem(w, &Problem{status, e.Message, e.Fix})
}

// done answers that something was done, where there is nothing to tell.
func done(w http.ResponseWriter) { writeJSON(w, struct{}{}) }
