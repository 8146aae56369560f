package ui

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil { // our own view types always marshal, but a time past year 9999 does not
		writeProblem(w, &Problem{http.StatusInternalServerError, "the answer could not be written as JSON", "see the recorder's log"})
		return
	}
	w.Header().Set("Content-Type", "application/json")
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
	switch {
	case errors.As(err, &p):
		writeProblem(w, p)
	case errors.Is(err, ErrNotFound):
		writeProblem(w, &Problem{http.StatusNotFound, "there is nothing of that kind here", "check the id and the range: GET /api/v1/cameras lists what exists"})
	case errors.Is(err, context.Canceled):
		// The client went away; nobody reads an answer.
	default:
		s.log.Error("request", "path", r.URL.Path, "error", err)
		writeProblem(w, &Problem{http.StatusInternalServerError, "internal error", "see the recorder's log"})
	}
}
