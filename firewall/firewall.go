package firewall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stockade-nvr/stockade/firewall/canary"
	"github.com/stockade-nvr/stockade/firewall/managers"
	"github.com/stockade-nvr/stockade/firewall/netfilter"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// ErrDisarmed says that nvr firewall disarm was used on this box and that its note is obeyed.
var ErrDisarmed = errors.New("the firewall was disarmed on this box; nvr firewall arm ends that")

// Firewall keeps one policy enforced. Its methods may be called from any
// goroutine; changes wait for each other.
type Firewall struct {
	o   Options
	log *slog.Logger

	mu      sync.Mutex // guards the kernel and what follows: one change or read-back at a time
	k       *netfilter.Kernel
	policy  Policy // in force; zero before the first Set
	set     bool
	account account
	repairs map[ruleset.Layer]repair
	drift   driftBook
	past    past
	aside   aside
	// lockedOut is since when another process holds the lock; zero while it does not.
	lockedOut time.Time
	unmarked  bool          // this box enforces, and its disk takes no mark of that
	reminded  time.Time     // when the log said last that a note lies there
	wake      chan struct{} // one place: a wake-up while one is pending says nothing new

	// guarding is the link whose ports are shut when frames pass by the rules; nil
	// while nothing is enforced.
	guarding atomic.Pointer[ruleset.Link]
	event    chan struct{} // like wake
	canary   *canary.Canary
	proving  proving

	statusMu sync.Mutex // guards what follows
	status   Status
	// absentOnly says that nothing is missing but ports that are not there, and not all of them.
	absentOnly bool
	changed    chan struct{} // closed and replaced when status changes
}

type repair struct {
	times int
	last  time.Time
}

// New makes a Firewall. It touches nothing; Set arms it and Run keeps it so.
func New(o Options) *Firewall {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	return &Firewall{
		o: o, log: o.Log,
		repairs: map[ruleset.Layer]repair{},
		wake:    make(chan struct{}, 1),
		event:   make(chan struct{}, 1),
		changed: make(chan struct{}),
		canary:  canary.New(),
		status: Status{
			State: NotEnforced, Since: time.Now(),
			Reasons: []string{"nothing was armed yet by this process"},
		},
	}
}

// Set compiles the policy, loads it, reads it back and opens the ports. It is
// idempotent. On an error the policy before it stays in force. Where a
// disarming note lies, Set changes nothing and returns ErrDisarmed (C1).
func (f *Firewall) Set(ctx context.Context, p Policy) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	unlock, err := f.turn(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	p = f.withCanary(f.enforcing(p))
	rs, err := compile(p)
	if err != nil {
		return fmt.Errorf("compile the policy: %w", err)
	}
	if f.obeysNote() {
		f.policy, f.set = p, true
		return ErrDisarmed
	}
	if err := f.open(); err != nil {
		f.fault(err)
		return err
	}
	if err := f.refuseConflicts(rs.Link); err != nil {
		return err
	}
	if !p.Observe && !f.stateless() {
		f.mark()
	}
	f.noteAlso(p)
	f.loadDrift()
	if f.account.last == nil {
		// Counters that outlived an earlier process are where this one begins.
		counters, err := f.k.Dropped(ctx, rs)
		if err != nil {
			return fmt.Errorf("read the counters: %w", err)
		}
		var read, lost uint64
		if f.o.Hits != nil {
			read, lost = f.o.Hits()
		}
		f.account.begin(counters, read, lost)
	}
	if _, err := f.shutRenamed(rs.Link, true); err != nil {
		return err // the bolt stays
	}
	f.plug(p)
	if err := f.k.Apply(ctx, rs); err != nil {
		f.recheck(ctx, err)
		return fmt.Errorf("enforce the policy: %w", err)
	}
	f.policy, f.set = p, true
	f.notePorts(p)
	f.guarding.Store(&rs.Link)
	f.proving.in(p, rs.Link.Bridge)
	f.log.Info("policy in force", "revision", p.Revision, "generation", f.k.Generation(), "devices", len(p.Devices))
	return f.check(ctx)
}

// mark marks this box as armed: before the first rule, or a crash in between would
// bring observing back. A disk that takes no mark keeps nothing from being enforced:
// a box that does not enforce is open. It is tried again at each look.
func (f *Firewall) mark() {
	err := markArmed(f.o.StateDir)
	if err != nil && !f.unmarked {
		f.log.Error("this box cannot be marked as armed: it enforces all the same, but until it is marked a restart would take containment: observe", "error", err)
	}
	f.unmarked = err != nil
}

// enforcing is the policy without observing, where this box was armed before (C1).
func (f *Firewall) enforcing(p Policy) Policy {
	if p.Observe && (f.unmarked || f.stateless() || wasArmed(f.o.StateDir)) {
		f.log.Error("observing refused: this box was armed before; enforcing instead")
		p.Observe = false
	}
	return p
}

// Arm ends a disarming, then does what Set does. It gives the note that it ended, if there was one.
func (f *Firewall) Arm(ctx context.Context, p Policy) (ended *Note, err error) {
	n, ok, unkept, err := f.notary().end(time.Now())
	if err != nil {
		return nil, err
	}
	if unkept != nil {
		f.log.Error("the disarming note that ends now is not kept", "who", n.Who, "when", n.When, "why", n.Why, "error", unkept)
	}
	if ok {
		ended = &n
	}
	return ended, f.Set(ctx, p)
}

func (f *Firewall) notary() notary { return notary{f.o.StateDir, f.o.Key, f.o.Site} }

// Disarm opens the camera side: the note first, so that no daemon closes again
// what is being opened, then everything of ours goes. The bridge, its
// addresses and its ports stay, so that cameras can still be reached. It gives
// the note that it left; unsigned says why that bears no signature.
func (f *Firewall) Disarm(ctx context.Context, p Policy, n Note) (left Note, unsigned string, err error) {
	if n.Who == "" || n.Why == "" {
		return n, "", ErrNote
	}
	if n.When.IsZero() {
		n.When = time.Now().UTC()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	unlock, err := f.turn(ctx)
	if err != nil {
		return n, "", err
	}
	defer unlock()
	rs, err := compile(f.withCanary(p))
	if err != nil {
		return n, "", fmt.Errorf("compile the policy: %w", err)
	}
	if err := f.open(); err != nil {
		return n, "", err
	}
	if left, unsigned, err = f.notary().leave(n); err != nil {
		return left, unsigned, err
	}
	f.log.Error("firewall disarmed: cameras are no longer contained", "who", n.Who, "why", n.Why)
	if err := f.k.Remove(ctx, rs.Link); err != nil {
		return left, unsigned, fmt.Errorf("disarm: %w", err)
	}
	if err := canary.Unplug(); err != nil {
		f.log.Warn("the canary's interfaces stay", "error", err)
	}
	f.notePorts(Policy{})
	f.obeysNote()
	if f.o.Root != "" {
		if err := managers.Withdraw(f.o.Root); err != nil {
			return left, unsigned, fmt.Errorf("disarmed, but the network managers still leave the camera ports alone: %w; remove what nvr firewall plan shows of them", err)
		}
	}
	return left, unsigned, nil
}

// open finds the kernel's tools once.
func (f *Firewall) open() error {
	if f.k != nil {
		return nil
	}
	k, err := netfilter.New(netfilter.Options{Log: f.log, Backend: f.o.Backend, Absent: f.o.Absent, GuardFile: f.o.GuardFile})
	if err != nil {
		return fmt.Errorf("open the firewall: %w", err)
	}
	f.k = k
	return nil
}

// loadDrift reads what was found before this process.
func (f *Firewall) loadDrift() {
	if err := f.drift.load(f.o.StateDir); err != nil {
		f.log.Error("the list of what was found before is lost", "error", err)
	}
}

// remindEvery is how often the log says that a note lies there.
const remindEvery = time.Minute

// obeysNote reads the note. Where there is one, status and, each minute, the log
// say so; one that is not to be obeyed is alarmed instead (C1).
func (f *Firewall) obeysNote() bool {
	n, ok, doubt, err := f.notary().read()
	now := time.Now()
	remind := now.Sub(f.reminded) >= remindEvery
	if remind && (ok || err != nil) {
		f.reminded = now
	}
	switch {
	case err != nil:
		if remind {
			f.log.Error("somebody may have tried to open the camera side; nvr firewall arm takes the note away", "error", err)
		}
		f.publish(func(s *Status) { s.Alarms, s.Note = []string{err.Error()}, nil })
		return false
	case !ok:
		if !f.reminded.IsZero() {
			f.reminded = time.Time{}
			f.publish(func(s *Status) { s.Alarms, s.Note = nil, nil })
		}
		return false
	}
	f.guarding.Store(nil)
	f.proving.in(Policy{}, "")
	if remind {
		f.log.Error("cameras are not contained: the firewall is disarmed", "who", n.Who, "when", n.When, "why", n.Why, "doubt", doubt)
	}
	f.publish(func(s *Status) {
		s.State, s.Note, s.Alarms = Disarmed, &n, nil
		s.Reasons = []string{fmt.Sprintf("disarmed by %s on %s: %s", n.Who, n.When.Format(time.RFC3339), n.Why)}
		if doubt != "" {
			s.Alarms = []string{"the disarming note is obeyed, but " + doubt}
		}
		if s.Checked.IsZero() || f.set { // the daemon does not read back what it must not repair
			s.Layers, s.Checked = nil, now
		}
	})
	return true
}

// AwaitEnforced returns once everything is enforced, or observed where the
// policy asks for that; before it, no camera may be dialled (C1). A port that is
// not there keeps nobody waiting while another one is.
func (f *Firewall) AwaitEnforced(ctx context.Context) error {
	for {
		f.statusMu.Lock()
		state, absent, changed := f.status.State, f.absentOnly, f.changed
		f.statusMu.Unlock()
		if absent {
			return nil
		}
		switch state {
		case Enforced, Observing:
			return nil
		case Disarmed:
			return ErrDisarmed
		case NotEnforced, Degraded, Contained: // not yet; by what was read back alone nothing is Contained
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for enforcement: %w", ctx.Err())
		case <-changed:
		}
	}
}
