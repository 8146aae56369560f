package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// Rhythm of an event stream.
const (
	lookEvery    = 500 * time.Millisecond // a changed state is on the screen within this
	figuresEvery = 2 * time.Second        // bit rates and the like
	beatEvery    = 5 * time.Second        // longest silence
	resumePage   = maxPageSize
	resumePages  = 4 // pages of attempts that a resumed stream is sent at most
	// Sightings are not told in their order: a batch may hold later ones than the
	// batch after it. A resumed stream goes back by more than that can be.
	resumeOverlap = 10 * time.Second
)

// getEvents streams everything that changes, so that a page needs one
// connection: cameras, containment, health, site and attempts.
func (s *Server) getEvents(w http.ResponseWriter, r *http.Request) { s.tell(w, r, true) }

// getAttemptStream streams attempts alone.
func (s *Server) getAttemptStream(w http.ResponseWriter, r *http.Request) { s.tell(w, r, false) }

func (s *Server) tell(w http.ResponseWriter, r *http.Request, states bool) {
	p := query(r, "since")
	since := p.time("since")
	if id := r.Header.Get("Last-Event-ID"); id != "" && p.problem == nil {
		t, err := time.Parse(time.RFC3339Nano, id)
		if err != nil {
			p.bad("Last-Event-ID is not one that this server gave", "leave it out")
		}
		since = t
	}
	if p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	give, ok := s.events.take(principal(r))
	if !ok {
		writeFull(w, "event streams")
		return
	}
	defer give()
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		return
	}

	// Who reads attempts and later may not, and the other way round, comes again.
	reads := principal(r).Is(auth.Admin, auth.Auditor)
	var who atomic.Pointer[auth.Principal]
	first := principal(r)
	who.Store(&first)
	ctx, end := s.whileAllowed(r, func(p auth.Principal) bool {
		who.Store(&p)
		return p.Is(auth.Admin, auth.Auditor) == reads && len(p.Need) == 0
	})
	defer end()

	// Subscribed before the past is read, so that nothing falls in between.
	var attempts <-chan []AttemptView
	if reads {
		var err error
		if attempts, err = s.opt.Attempts.Subscribe(ctx); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := &eventWriter{w: w, control: http.NewResponseController(w), last: since}
	if since.IsZero() {
		out.last = s.opt.Now() // also who was told of no attempt yet can resume
	}
	_ = out.control.SetReadDeadline(time.Time{}) // a reading deadline would end the request's context
	var watch *watcher
	if states {
		watch = newWatcher(s, func() auth.Principal { return *who.Load() })
	}
	if err := s.follow(ctx, out, attempts, since, watch); err != nil {
		s.log.Debug("event stream ended", "error", err)
	}
}

// follow writes events until ctx ends or attempts are closed: attempts unless
// they are nil, and what watch sees unless it is.
func (s *Server) follow(ctx context.Context, out *eventWriter, attempts <-chan []AttemptView, since time.Time, watch *watcher) error {
	if err := out.retry(); err != nil {
		return err
	}
	if watch != nil {
		if err := watch.look(out, s.opt.Now()); err != nil {
			return err
		}
	}
	if !since.IsZero() && attempts != nil {
		if err := s.resume(ctx, out, since); err != nil {
			return err
		}
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case list, ok := <-attempts:
			if !ok {
				return nil // the page comes again and resumes
			}
			if err := out.attempts(list); err != nil {
				return err
			}
		case <-tick.C:
			if watch != nil {
				if err := watch.look(out, s.opt.Now()); err != nil {
					return err
				}
			}
			if err := out.beat(s.clock()); err != nil {
				return err
			}
		}
	}
}

// resume sends the attempts seen since an instant. When they are too many, or the
// clock was set back behind that instant, it sends "reset" in place of the rest:
// the page then reads its table anew. The pages come newest first, so the id to
// resume from moves on only with the last: who is cut off between them starts over.
func (s *Server) resume(ctx context.Context, out *eventWriter, since time.Time) error {
	now := s.opt.Now()
	if since.After(now) {
		out.last = now
		return out.event("reset", struct{}{})
	}
	f := AttemptFilter{Since: since.Add(-resumeOverlap), Chatter: true, Limit: resumePage}
	newest := since
	for range resumePages {
		page, err := s.opt.Attempts.Page(ctx, f)
		if err != nil {
			return fmt.Errorf("read attempts to resume: %w", err)
		}
		newest = latest(newest, page.Attempts)
		if page.Next == "" {
			out.last = newest
		}
		if err := out.rows(page.Attempts); err != nil || page.Next == "" {
			return err
		}
		f.Cursor = page.Next
	}
	out.last = newest
	return out.event("reset", struct{}{})
}

// latest is the newest sighting of a list, or t when that is newer.
func latest(t time.Time, list []AttemptView) time.Time {
	for i := range list {
		if list[i].Last.After(t) {
			t = list[i].Last
		}
	}
	return t
}

// eventWriter writes the text/event-stream format.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	last    time.Time // all sightings up to it were sent: the id to resume from
	sent    time.Time // when anything was sent
}

func (o *eventWriter) flush(text []byte) error {
	if err := o.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := o.w.Write(text); err != nil {
		return err
	}
	o.sent = time.Now()
	return o.control.Flush()
}

func (o *eventWriter) retry() error { return o.flush([]byte("retry: 1000\n\n")) }

// event sends one event. JSON holds no line break, so one data line is enough.
func (o *eventWriter) event(name string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("marshal event: %w", err)
	}
	var b bytes.Buffer
	b.WriteString("event: " + name + "\n")
	if !o.last.IsZero() {
		b.WriteString("id: " + stamp(o.last) + "\n")
	}
	b.WriteString("data: ")
	b.Write(body)
	b.WriteString("\n\n")
	return o.flush(b.Bytes())
}

func (o *eventWriter) attempts(list []AttemptView) error {
	o.last = latest(o.last, list)
	return o.rows(list)
}

// rows sends attempts without moving on where to resume from.
func (o *eventWriter) rows(list []AttemptView) error {
	if len(list) == 0 {
		return nil
	}
	return o.event("attempts", list)
}

// beat sends the recorder's clock when nothing else was sent for a while.
func (o *eventWriter) beat(c clockView) error {
	if time.Since(o.sent) < beatEvery {
		return nil
	}
	return o.event("clock", c)
}

// clockView is the recorder's clock, and beside it how long the server has run
// by a clock that is never set: so the page can tell a clock that was stepped
// from a message that is late.
type clockView struct {
	Now string `json:"now"`
	Up  int64  `json:"up"` // milliseconds
}

func (s *Server) clock() clockView {
	return clockView{Now: stamp(s.opt.Now()), Up: time.Since(s.began).Milliseconds()}
}
