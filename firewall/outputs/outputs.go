package outputs

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
)

// Format is how a message says what it says.
type Format string

// The formats.
const (
	CEF  Format = "cef"
	Zeek Format = "zeek" // a line of JSON
)

// Target is a receiver. Two that are equal are the same.
type Target struct {
	ID      string
	Address string // HOST:PORT
	TLS     bool
	Format  Format
	CAFile  string // PEM; empty: the system's authorities
	// CertificateFile and KeyFile, if set, say who we are.
	CertificateFile, KeyFile string
}

// Change is something that others did to the rules, and what became of it.
type Change struct {
	First, Last time.Time
	Layer       string
	Found       string // in words
	Done        string // repaired, and the like
}

// Situation is how containment stands.
type Situation struct {
	State   string // contained, enforced, degraded, not-enforced, disarmed, observing
	Reasons []string
	Alarms  []string
	Changes []Change // the newest first
}

// Source is where all that is told comes from; the journal is one.
type Source interface {
	Query(f journal.Filter) (journal.Page, error)
	Questions(device string, limit int) []journal.Question
	Evidence(attempt string) ([]byte, error)
}

// Options of Outputs.
type Options struct {
	Log     *slog.Logger
	Source  Source
	Version string // of the program
	Host    string // as whom the messages come; syslog's HOSTNAME
	// Situation gives how containment stands. It is asked each second.
	Situation func() Situation
	// StateDir is where the marks are kept; empty: nowhere.
	StateDir string
	Now      func() time.Time // default time.Now
}

// Status is how a receiver is served.
type Status struct {
	ID        string    `json:"id"`
	Address   string    `json:"address"`
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since,omitzero"`     // of the connection, or of its absence
	Problem   string    `json:"problem,omitempty"`  // why it is not connected
	Sent      uint64    `json:"sent"`               // messages written since the start, those written again included
	Lost      uint64    `json:"lost"`               // changes and alarms for which there was no room
	Delivered time.Time `json:"delivered,omitzero"` // all attempts last hit before it
}

// Outputs serves all receivers.
type Outputs struct {
	o   Options
	log *slog.Logger

	mu      sync.Mutex // guards what follows
	targets []Target
	barred  []netip.Prefix
	running map[Target]*running
	marks   map[string]mark
	changed chan struct{} // one place
}

// running is a sender and what ends it.
type running struct {
	*sender
	end  context.CancelFunc
	done chan struct{}
}

// New makes Outputs. Set says to whom, Run does it.
func New(o Options) *Outputs {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Outputs{o: o, log: o.Log, running: map[Target]*running{}, marks: map[string]mark{}, changed: make(chan struct{}, 1)}
}

// Set says whom to tell from now on, and what is the camera side: nobody there is
// dialled. Receivers that stay are not disturbed.
func (s *Outputs) Set(targets []Target, cameraSide []netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.targets, s.barred = slices.Clone(targets), slices.Clone(cameraSide)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Run tells until ctx ends.
func (s *Outputs) Run(ctx context.Context) error {
	if err := s.readMarks(); err != nil {
		s.log.Error("receivers are told from now on only", "error", err)
	}
	defer s.endAll()
	watch := watcher{}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for saved := s.o.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-s.changed:
			s.follow(ctx)
		case <-tick.C:
			if s.o.Situation != nil {
				s.tell(watch.see(s.o.Now(), s.o.Situation()))
			}
			if now := s.o.Now(); now.Sub(saved) >= saveEvery || now.Before(saved) {
				saved = now
				s.keepMarks()
			}
		}
	}
}

// follow starts and ends senders as the targets say.
func (s *Outputs) follow(ctx context.Context) {
	s.mu.Lock()
	targets := slices.Clone(s.targets)
	gone := maps.Clone(s.running)
	s.mu.Unlock()
	for _, t := range targets {
		delete(gone, t)
	}
	for t, r := range gone {
		s.stop(t, r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range targets {
		if s.running[t] != nil {
			continue
		}
		m, known := s.marks[t.ID]
		if !known || m.Address != t.Address { // a new receiver is told what happens from now on
			m = mark{Address: t.Address, Before: s.o.Now()}
		}
		r := &running{sender: newSender(s, t, m.Before), done: make(chan struct{})}
		var own context.Context
		own, r.end = context.WithCancel(ctx)
		s.running[t] = r
		go func() {
			defer close(r.done)
			r.run(own)
		}()
	}
}

func (s *Outputs) stop(t Target, r *running) {
	r.end()
	<-r.done
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marks[t.ID] = mark{t.Address, r.delivered()}
	delete(s.running, t)
}

func (s *Outputs) endAll() {
	s.mu.Lock()
	all := maps.Clone(s.running)
	s.mu.Unlock()
	for t, r := range all {
		s.stop(t, r)
	}
	s.keepMarks()
}

// tell queues changes and alarms for everybody.
func (s *Outputs) tell(events []event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.running {
		for _, e := range events {
			r.queue(e)
		}
	}
}

// Status says how each receiver is served, in the order of their ids.
func (s *Outputs) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Status{}
	for _, r := range s.running {
		all = append(all, r.status())
	}
	slices.SortFunc(all, func(a, b Status) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return all
}

// errCameraSide says that a receiver's name leads to the camera side.
var errCameraSide = errors.New("it is on the camera side, where the recorder dials cameras only: name a receiver on the other side")

// allowed says whether a receiver's address may be dialled.
func (s *Outputs) allowed(ip netip.Addr) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.barred {
		if p.Masked().Contains(ip.Unmap()) {
			return errCameraSide
		}
	}
	return nil
}
