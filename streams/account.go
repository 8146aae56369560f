package streams

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Accounts remembers which credentials cameras refused, for all streams that use
// them: on many cameras a few wrong passwords lock the account, whoever sends
// them, and a device with four views would try eight at once.
//
// An account that no camera has taken yet is tried by one stream at a time. Once
// it is refused nobody tries before a delay is over, which doubles with each
// refusal from AuthDelay to MaxAuthDelay; then the stream that waits longest
// does. A stream that the camera has let in heeds its own refusals only: what
// one stream may not view is no reason to lose another one's footage.
type Accounts struct {
	random func() float64

	mu    sync.Mutex // guards what follows
	known map[account]*standing
}

// account is what a camera judges. The password is kept as a hash.
type account struct {
	camera   netip.Addr
	user     string
	password [sha256.Size]byte
}

// standing is what cameras said of an account.
type standing struct {
	proved  bool  // taken, and not refused since
	trying  *turn // of the stream that is about to learn it
	since   time.Time
	delay   time.Duration
	until   time.Time     // nobody tries before; zero: not refused
	waiting []*turn       // in the order in which they came
	changed chan struct{} // closed when something of this changes
}

// turn is one stream's use of an account.
type turn struct {
	accounts    *Accounts
	account     account
	first, last time.Duration // bounds of the delay
	own         time.Duration // the delay of this stream's refusals, also where others are let in
	free        bool          // this stream was let in, and not refused since
}

// slowAnswer is after how long the stream that tries an account keeps others
// waiting no longer: a camera that says nothing refuses nothing.
const slowAnswer = 2 * time.Second

// NewAccounts remembers nothing yet.
func NewAccounts() *Accounts {
	return &Accounts{random: rand.Float64, known: map[account]*standing{}}
}

// turn gives a stream its use of the account that its options name. A stream is
// made anew when its configuration changes: that may be the cure, so what was
// refused is tried again.
func (a *Accounts) turn(o *Options) *turn {
	t := &turn{
		accounts: a, first: o.AuthDelay, last: o.MaxAuthDelay,
		account: account{o.RTSP.Pinned.Unmap(), o.RTSP.Username, sha256.Sum256([]byte(o.RTSP.Password))},
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.of(t)
	s.delay, s.until = 0, time.Time{}
	s.tell()
	return t
}

// of gives the standing of an account. Callers hold mu.
func (a *Accounts) of(t *turn) *standing {
	s := a.known[t.account]
	if s == nil {
		s = &standing{changed: make(chan struct{})}
		a.known[t.account] = s
	}
	return s
}

// tell wakes those who wait. Callers hold mu.
func (s *standing) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// wait waits until the stream may try the account. If that is for a refusal, it
// says first for how long.
func (t *turn) wait(ctx context.Context, refused func(time.Duration)) error {
	defer t.leave()
	for said := false; ; {
		h := t.take()
		switch {
		case h == nil:
			return ctx.Err()
		case h.refused && !said:
			said = true
			refused(h.delay)
		}
		timer := time.NewTimer(h.delay)
		select {
		case <-h.changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// hold is what keeps a stream from trying.
type hold struct {
	delay   time.Duration // for that long
	changed <-chan struct{}
	refused bool
}

// take gets the turn, or says what it has to wait for.
func (t *turn) take() *hold {
	a := t.accounts
	a.mu.Lock()
	defer a.mu.Unlock()
	s, now := a.of(t), time.Now()
	if !slices.Contains(s.waiting, t) {
		s.waiting = append(s.waiting, t)
	}
	if t.free || s.proved || t.account.user == "" { // without a name there is nothing to lock
		return nil
	}
	if left := s.until.Sub(now); left > 0 {
		return &hold{left, s.changed, true}
	}
	if left := s.since.Add(slowAnswer).Sub(now); s.trying != nil && left > 0 {
		return &hold{left, s.changed, false}
	}
	if s.waiting[0] != t {
		return &hold{slowAnswer, s.changed, false} // the other one is about to wake
	}
	s.trying, s.since = t, now
	return nil
}

// leave ends the waiting.
func (t *turn) leave() {
	a := t.accounts
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.of(t)
	s.waiting = slices.DeleteFunc(s.waiting, func(w *turn) bool { return w == t })
	s.tell()
}

// taken says that the camera let the stream in.
func (t *turn) taken() {
	t.free, t.own = true, 0
	t.end((*standing).prove)
}

// known says that the camera took the account, but not for this stream.
func (t *turn) known() {
	t.free = false
	t.end((*standing).prove)
}

// untold says that the camera said nothing of the account.
func (t *turn) untold() { t.end(func(*standing) {}) }

// refused says that the camera refused it, and gives the time until the next try.
// Refusals of tries that were under way together count once.
func (t *turn) refused() (delay time.Duration) {
	t.free, t.own = false, min(max(2*t.own, t.first), t.last)
	t.end(func(s *standing) {
		now := time.Now()
		if delay = s.until.Sub(now); delay > 0 {
			return
		}
		s.proved = false
		s.delay = max(min(2*s.delay, t.last), t.own)
		// Later by up to a quarter, never sooner.
		delay = s.delay + time.Duration(float64(s.delay)/4*t.accounts.random())
		s.until = now.Add(delay)
	})
	return delay
}

// prove forgets refusals. Callers hold mu.
func (s *standing) prove() { s.proved, s.delay, s.until = true, 0, time.Time{} }

func (t *turn) end(change func(*standing)) {
	a := t.accounts
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.of(t)
	if s.trying == t {
		s.trying = nil
	}
	change(s)
	s.tell()
}
