package audit

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// The actions that a view of footage is written as.
const (
	ActionViewOpened = "view.opened"
	ActionViewClosed = "view.closed"
)

// Bounds of what is remembered of views that are open.
const (
	viewIdle = 30 * time.Second // a view is over when nobody asked for so long
	viewNear = 15 * time.Minute // a range so close to that of a view belongs to it
	maxViews = 2048             // open at once; beyond, each request is a view of its own
)

// views are the views of footage that are open.
type views struct {
	mu   sync.Mutex
	open map[viewKey][]*view // guarded by mu, as all below
	n    int
}

// viewKey is who watches which camera how.
type viewKey struct{ actor, id, via, source, camera, object string }

type view struct {
	key   viewKey
	entry Entry // as it was opened; From and To grow with what is watched
	seq   uint64

	since, until time.Time // opened, and last closed
	users        int       // requests that are going on
	requests     int
	detail       string
	over         bool // to be written as closed: nothing but seq changes any more
}

// Opened says that somebody watches footage and returns what says that it ended;
// that may be called more than once and counts once. Action is set here. One
// view is written as opened and closed, however many requests it takes: requests
// of the same actor, session, source, camera and object (say "main playback")
// belong to one view as long as no pause is longer than 30 s and their range
// touches that of the view or lies within 15 minutes of it. The entry of its
// closing has the whole range that was watched, the time that it was
// open, and the number of requests. A crash leaves a view that was never closed.
//
// An entry that can't be written is logged, and the view goes on.
func (l *Log) Opened(e Entry) (closed func(detail string)) {
	now := l.opts.Now()
	e.Action, e.Time = ActionViewOpened, now
	v, fresh := l.views.enter(e, now)
	if fresh {
		seq, err := l.appendAlone(e)
		if err != nil {
			l.log.Error("write a view to the audit log", "camera", e.Camera, "error", err)
		}
		l.views.mu.Lock()
		v.seq = seq
		l.views.mu.Unlock()
	}
	var once sync.Once
	return func(detail string) {
		once.Do(func() {
			if l.views.leave(v, detail, l.opts.Now()) {
				l.writeClosed(v)
			}
		})
	}
}

// Viewing reports whether a request belongs to a view that is open, so that
// Opened writes nothing for it.
func (l *Log) Viewing(e Entry) bool {
	l.views.mu.Lock()
	defer l.views.mu.Unlock()
	return l.views.find(e) != nil
}

// find gives the view that a request belongs to, or nil.
func (vs *views) find(e Entry) *view {
	for _, v := range vs.open[keyOf(e)] {
		if v.near(e.From, e.To) {
			return v
		}
	}
	return nil
}

func keyOf(e Entry) viewKey {
	return viewKey{e.Actor, e.ActorID, e.Via, e.Source, e.Camera, e.Object}
}

// enter finds the view that a request belongs to, or begins one.
func (vs *views) enter(e Entry, now time.Time) (v *view, fresh bool) {
	key := keyOf(e)
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if v := vs.find(e); v != nil {
		v.users++
		v.requests++
		v.widen(e.From, e.To)
		return v, false
	}
	v = &view{key: key, entry: e, since: now, users: 1, requests: 1}
	if vs.n < maxViews {
		vs.open[key] = append(vs.open[key], v)
		vs.n++
	}
	return v, true
}

// leave ends a request; true when its view is over with it, since there was no
// room to remember it.
func (vs *views) leave(v *view, detail string, now time.Time) (over bool) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if v.over {
		return false
	}
	v.users--
	v.until = now
	if detail != "" {
		v.detail = detail
	}
	v.over = !slices.Contains(vs.open[v.key], v)
	return v.over
}

// take removes the views that are over: all that nobody uses and that were left
// so long ago; those in use too if all is set.
func (vs *views) take(before time.Time, all bool) (over []*view) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for key, list := range vs.open {
		rest := slices.DeleteFunc(list, func(v *view) bool {
			if !all && (v.users > 0 || v.until.After(before)) {
				return false
			}
			v.over = true
			over = append(over, v)
			return true
		})
		if vs.open[key] = rest; len(rest) == 0 {
			delete(vs.open, key)
		}
	}
	vs.n -= len(over)
	return over
}

// sweep closes the views that nobody has asked for so long.
func (l *Log) sweep(idle time.Duration) {
	l.writeClosed(l.views.take(l.opts.Now().Add(-idle), false)...)
}

// endViews closes all views: the recorder stops.
func (l *Log) endViews() {
	now := l.opts.Now()
	over := l.views.take(now, true)
	for _, v := range over {
		if v.users > 0 {
			v.until, v.detail = now, "the recorder stopped"
		}
	}
	l.writeClosed(over...)
}

// closedPerTx is how many views are written as closed in one transaction.
const closedPerTx = 256

// writeClosed writes views that are over.
func (l *Log) writeClosed(over ...*view) {
	for some := range slices.Chunk(over, closedPerTx) {
		entries := l.views.closings(some)
		err := l.update(func(tx *bbolt.Tx) error {
			for _, e := range entries {
				if err := l.AppendTx(tx, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			l.log.Error("write the end of views to the audit log", "views", len(some), "error", err)
		}
	}
}

// closings words the ends of views.
func (vs *views) closings(over []*view) []Entry {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	entries := make([]Entry, len(over))
	for i, v := range over {
		e := v.entry
		e.Action, e.Time = ActionViewClosed, time.Time{}
		e.Detail = fmt.Sprintf("open for %.1f s, requests: %d", v.until.Sub(v.since).Seconds(), v.requests)
		if v.seq != 0 { // else its opening is being written, or could not be
			e.Detail = fmt.Sprintf("opened in record %d, %s", v.seq, e.Detail)
		}
		if v.detail != "" {
			e.Detail += "; " + v.detail
		}
		entries[i] = e
	}
	return entries
}

// near reports whether a range belongs to the view. Live views have none.
func (v *view) near(from, to *time.Time) bool {
	have := v.entry
	if from == nil || to == nil || have.From == nil || have.To == nil {
		return from == nil && to == nil && have.From == nil && have.To == nil
	}
	return !from.After(have.To.Add(viewNear)) && !to.Before(have.From.Add(-viewNear))
}

func (v *view) widen(from, to *time.Time) {
	if from != nil && from.Before(*v.entry.From) {
		v.entry.From = from
	}
	if to != nil && to.After(*v.entry.To) {
		v.entry.To = to
	}
}
