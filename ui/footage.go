package ui

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// stamp writes a time as the API does: RFC 3339, UTC, as fine as it is known.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// footageQuery reads camera, stream and range.
func (s *Server) footageQuery(r *http.Request, most time.Duration) (camera, stream string, from, to time.Time, err error) {
	p := query(r, "camera", "stream", "from", "to")
	camera, stream = p.text("camera"), p.stream()
	from, to = p.span(s.opt.Now(), most)
	if p.problem != nil {
		return "", "", from, to, p.problem
	}
	return camera, stream, from, to, s.stream(camera, stream)
}

func (s *Server) getRecordings(w http.ResponseWriter, r *http.Request) {
	listFootage(s, w, r, "recordings", s.opt.Footage.Recordings, func(v *RecordingView) { v.Path = "" })
}

func (s *Server) getGaps(w http.ResponseWriter, r *http.Request) {
	listFootage(s, w, r, "gaps", s.opt.Footage.Gaps, func(v *GapView) { v.Detail = "" })
}

// listFootage answers with {KEY: [row...]} for the range that was asked for.
// hide takes from a row what only those hear who hear details.
func listFootage[Row any](s *Server, w http.ResponseWriter, r *http.Request, key string,
	read func(ctx context.Context, camera, stream string, from, to time.Time) ([]Row, error), hide func(*Row),
) {
	camera, stream, from, to, err := s.footageQuery(r, maxListRange)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list, err := read(r.Context(), camera, stream, from, to)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if !hearsDetails(principal(r)) {
		list = slices.Clone(list)
		for i := range list {
			hide(&list[i])
		}
	}
	writeJSON(w, map[string][]Row{key: orEmpty(list)})
}

// filmed bounds how many answers from footage are under way: each holds files
// open, and a disk that recording needs too.
func (s *Server) filmed(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		give, ok := s.films.take(principal(r))
		if !ok {
			writeFull(w, "films")
			return
		}
		defer give()
		handle(w, r)
	}
}

func (s *Server) getPlay(w http.ResponseWriter, r *http.Request) {
	camera, stream, from, to, err := s.footageQuery(r, maxPlayRange)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.serveRange(w, r, served{
		view:  view{right: auth.Playback, camera: camera, stream: stream, from: from, to: to},
		start: from, disposition: "inline",
	})
}

// serveRange answers with the footage of a range as one clip.
func (s *Server) serveRange(w http.ResponseWriter, r *http.Request, as served) {
	clip, err := s.opt.Footage.Play(r.Context(), as.camera, as.stream, as.from, as.to)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.serveClip(w, r, clip, as)
}

// planView is where wall time lies in a clip.
type planView struct {
	Start  time.Time   `json:"start"`
	Pieces []pieceView `json:"pieces"`
	Next   *time.Time  `json:"next,omitempty"` // where footage of another format follows
}

type pieceView struct {
	Media    float64   `json:"media"` // seconds
	Start    time.Time `json:"start"`
	Duration float64   `json:"duration"` // seconds
}

func (s *Server) getPlayPlan(w http.ResponseWriter, r *http.Request) {
	camera, stream, from, to, err := s.footageQuery(r, maxPlayRange)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	clip, err := s.opt.Footage.Play(r.Context(), camera, stream, from, to)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if err := clip.Content.Close(); err != nil {
		s.log.Warn("close clip", "camera", camera, "stream", stream, "error", err)
	}
	plan := planView{Start: clip.Start.UTC(), Pieces: []pieceView{}}
	for _, p := range clip.Pieces {
		plan.Pieces = append(plan.Pieces, pieceView{p.Media.Seconds(), p.Start.UTC(), p.Duration.Seconds()})
	}
	if !clip.Next.IsZero() {
		next := clip.Next.UTC()
		plan.Next = &next
	}
	writeJSON(w, plan)
}

func (s *Server) getFrame(w http.ResponseWriter, r *http.Request) {
	p := query(r, "camera", "stream", "at")
	camera, stream, at := p.text("camera"), p.stream(), p.time("at")
	if at.IsZero() {
		p.bad("at is missing", "give the instant as an RFC 3339 time")
	}
	if p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	if err := s.stream(camera, stream); err != nil {
		s.fail(w, r, err)
		return
	}
	clip, err := s.opt.Footage.Frame(r.Context(), camera, stream, at)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("X-Frame-Time", stamp(clip.Start))
	s.serveClip(w, r, clip, served{
		view:  view{right: auth.Playback, camera: camera, stream: stream, from: clip.Start.UTC(), to: clip.Start.UTC()},
		start: clip.Start.UTC(), disposition: "inline",
	})
}

// served is how a clip goes to whoever asked for it.
type served struct {
	view
	start       time.Time // in the file's name
	disposition string    // inline or attachment
	reason      string    // of an export
}

// serveClip answers with a clip, or with the ranges of it that are asked for,
// and writes down that it was seen. It is cut off when the right to it ends.
func (s *Server) serveClip(w http.ResponseWriter, r *http.Request, clip *Clip, as served) {
	defer func() {
		if err := clip.Content.Close(); err != nil {
			s.log.Warn("close clip", "path", r.URL.Path, "error", err)
		}
	}()
	ctx, end := s.whileCamera(r, as.right, as.camera)
	defer end()
	switch {
	case r.Method == http.MethodHead:
	case as.right == auth.Export:
		if err := s.exported(r, as.view, as.reason); err != nil {
			s.fail(w, r, err)
			return
		}
	default:
		closed, err := s.viewed(r, as.view)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		defer closed()
	}
	h := w.Header()
	h.Set("Content-Type", "video/mp4")
	// Ids of the site file are plain letters, digits and dashes: nothing to escape.
	h.Set("Content-Disposition", as.disposition+`; filename="`+as.camera+"-"+as.stream+"-"+as.start.Format("20060102T150405Z")+`.mp4"`)
	if !clip.Next.IsZero() {
		h.Set("X-Play-Next", stamp(clip.Next)) // the rest of the range is another clip
	}
	if clip.ETag != "" {
		h.Set("ETag", `"`+clip.ETag+`"`)
		h.Set("Cache-Control", "private, no-cache")
	}
	out := &patient{ResponseWriter: w, control: http.NewResponseController(w)}
	defer context.AfterFunc(ctx, out.end)()
	http.ServeContent(out, r, "", clip.Modified, clip.Content)
}

// patient gives each write of a long answer its own deadline, so that a long
// film is not cut and a client that stopped reading is. What http.ServeContent
// refuses in plain text it refuses as everything here does.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
	refused bool // the answer is a Problem, which was written

	mu    sync.Mutex // guards what follows
	ended bool
}

// WriteHeader replaces the refusals of http.ServeContent.
func (p *patient) WriteHeader(status int) {
	switch {
	case status == http.StatusRequestedRangeNotSatisfiable:
		p.refused = true
		writeProblem(p.ResponseWriter, &Problem{status, "the footage has no such bytes", "ask for bytes=FROM-TO within the length that HEAD gives, or without Range"})
	case status >= http.StatusInternalServerError:
		p.refused = true
		writeProblem(p.ResponseWriter, &Problem{status, "internal error", "see the recorder's log"})
	default:
		p.ResponseWriter.WriteHeader(status)
	}
}

func (p *patient) Write(b []byte) (int, error) {
	if p.refused {
		return len(b), nil // the plain text
	}
	if err := p.goOn(); err != nil {
		return 0, err
	}
	return p.ResponseWriter.Write(b)
}

func (p *patient) goOn() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return auth.ErrRevoked
	}
	_ = p.control.SetReadDeadline(time.Time{}) // a reading deadline would end the request's context
	return p.control.SetWriteDeadline(time.Now().Add(writeTimeout))
}

// end has the write that is under way and all later ones fail.
func (p *patient) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	_ = p.control.SetWriteDeadline(time.Now()) // of a connection that is gone there is nothing to end
}

// Unwrap lets http.ResponseController find the connection.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
