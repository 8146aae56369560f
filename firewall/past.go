package firewall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/internal/durable"
)

// Stretch is a time over which the state was the same, as far as somebody looked:
// between two of them nobody did, whatever was loaded then.
type Stretch struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"` // last look
	State  State     `json:"state"`
	Why    string    `json:"why,omitempty"`    // the first reason, or what keeps Enforced from Contained
	Proofs int       `json:"proofs,omitempty"` // rounds of the canary in it that proved it
}

const (
	pastFile  = "past.json"
	pastBytes = 4 << 20
	maxPast   = 4096             // stretches; beyond it neighbours are joined
	pastGap   = 10 * time.Second // without a look: nobody looked
	pastSave  = time.Minute      // between saves where nothing changed
)

// past is what the state was, for months. Its methods may be called from any goroutine.
type past struct {
	mu     sync.Mutex // guards what follows
	list   []Stretch  // oldest first
	proved time.Time  // beginning of the last round that was counted
	dirty  bool       // a stretch began that is in no file yet
	saved  time.Time
}

// see takes one look.
func (p *past) see(now time.Time, s Status) {
	now = now.UTC().Round(0)
	why := s.Unproved
	if len(s.Reasons) > 0 {
		why = s.Reasons[0]
	}
	if s.State == Contained {
		why = ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.list) - 1; n < 0 || p.list[n].State != s.State || p.list[n].Why != why || now.Before(p.list[n].To) || now.Sub(p.list[n].To) > pastGap {
		p.list = append(p.list, Stretch{From: now, State: s.State, Why: why})
		p.dirty = true
		if len(p.list) > maxPast {
			p.list = joinShortest(p.list)
		}
	}
	last := &p.list[len(p.list)-1]
	last.To = now
	if s.State == Contained && s.Proof != nil && !s.Proof.Began.Equal(p.proved) {
		p.proved = s.Proof.Began
		last.Proofs++
	}
}

// Unseen is the state of a joined stretch within which nobody looked for a while.
const Unseen State = "unseen"

// joinShortest joins the two neighbours that took the least time, and says of both
// the worse: what is told in less detail never gets better by it. The latest stays.
func joinShortest(list []Stretch) []Stretch {
	at, least := 0, time.Duration(1<<62)
	for i := range len(list) - 2 {
		if span := list[i+1].To.Sub(list[i].From); span < least {
			at, least = i, span
		}
	}
	a, b := list[at], list[at+1]
	if worse(b.State, a.State) {
		a.State, a.Why = b.State, b.Why
	}
	if gap := b.From.Sub(a.To); gap < 0 || gap > pastGap {
		a.State, a.Why = Unseen, ""
	}
	a.From, a.To = slices.MinFunc([]time.Time{a.From, b.From}, time.Time.Compare), slices.MaxFunc([]time.Time{a.To, b.To}, time.Time.Compare)
	a.Proofs += b.Proofs
	list[at] = a
	return slices.Delete(list, at+1, at+2)
}

// worse reports whether a state promises less than another.
func worse(a, b State) bool {
	order := []State{Unseen, NotEnforced, Disarmed, Observing, Degraded, Enforced, Contained}
	return slices.Index(order, a) < slices.Index(order, b)
}

// between gives the stretches of [from, to), cut to it.
func (p *past) between(from, to time.Time) []Stretch {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []Stretch{}
	for _, s := range p.list {
		if !s.To.Before(from) && s.From.Before(to) {
			s.From = slices.MaxFunc([]time.Time{s.From, from}, time.Time.Compare)
			s.To = slices.MinFunc([]time.Time{s.To, to}, time.Time.Compare)
			list = append(list, s)
		}
	}
	return list
}

// Past is what the state was in [from, to), the oldest first.
func (f *Firewall) Past(from, to time.Time) []Stretch {
	return f.past.between(from, to)
}

// load puts what an earlier process saw before what this one did.
func (p *past) load(dir string) error {
	text, err := durable.Read(filepath.Join(dir, pastFile), pastBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what the state was: %w", err)
	}
	var list []Stretch
	if err := json.Unmarshal(text, &list); err != nil { // kept for whoever can read it
		name := filepath.Join(dir, pastFile)
		return errors.Join(fmt.Errorf("read what the state was: %s: %w", pastFile, err), os.Rename(name, name+".damaged"))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(list[max(0, len(list)-maxPast):], p.list...)
	return nil
}

// save writes it down: at once where a stretch began, else each minute.
func (p *past) save(dir string, now time.Time, anyway bool) error {
	p.mu.Lock()
	due := p.dirty || anyway || now.Sub(p.saved) >= pastSave || now.Before(p.saved)
	if !due || len(p.list) == 0 {
		p.mu.Unlock()
		return nil
	}
	text, err := json.Marshal(p.list)
	p.dirty, p.saved = false, now
	p.mu.Unlock()
	if err == nil {
		err = publish(dir, pastFile, text)
	}
	if err != nil {
		p.mu.Lock()
		p.dirty = true
		p.mu.Unlock()
		return fmt.Errorf("keep what the state was: %w", err)
	}
	return nil
}

// keepPast looks each interval until ctx ends. A file that cannot be read or written
// costs what was, and nothing of what is.
func (f *Firewall) keepPast(ctx context.Context) {
	if f.o.StateDir == "" {
		return
	}
	if err := f.past.load(f.o.StateDir); err != nil {
		f.log.Error("what the state was before is not known", "error", err)
	}
	f.keepInFile(ctx, "what the state was", func(ended bool) error {
		now := time.Now()
		if s := f.Status(); !s.Checked.IsZero() || s.State == Disarmed {
			f.past.see(now, s)
		}
		return f.past.save(f.o.StateDir, now, ended)
	})
}
