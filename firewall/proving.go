package firewall

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/firewall/canary"
	"github.com/stockade-nvr/stockade/firewall/nflog"
)

const (
	// provedFor is how long a proof counts (C12).
	provedFor = 120 * time.Second
	// proveEvery is the pause between rounds, and proveAgain where one did not prove it.
	proveEvery = time.Minute
	proveAgain = 10 * time.Second
	// proveLook is how soon a change is noticed that calls for a round at once.
	proveLook = time.Second
)

// Proof is the canary's last round.
type Proof struct {
	canary.Proof

	Since time.Time // of the first of an unbroken row of rounds that proved it; zero where this one did not
	Next  time.Time // when the next one is due, while Run is at work
}

// proving is what is known of the canary's rounds.
type proving struct {
	mu    sync.Mutex // guards what follows
	site  *canary.Site
	none  string // why there is no canary, in words
	last  *Proof
	about about // what the last round was about
}

// about is what a proof is of: with another one in force, or repaired, it says nothing.
type about struct {
	revision   string
	generation int
	repairs    int
}

func (s Status) about() about {
	a := about{revision: s.Revision, generation: s.Generation}
	for _, l := range s.Layers {
		a.repairs += l.Repaired
	}
	return a
}

// in says what is to be proved from now on; of a policy without a canary, nothing, and
// what was proved before says nothing of what may come after it.
func (x *proving) in(p Policy, bridge string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.site = nil
	if !p.Canary {
		x.last = nil
	} else {
		x.site = &canary.Site{Bridge: bridge, Networks: masked(p.Addresses), DNS: p.DNS, NTP: p.NTP, DHCP: p.DHCP}
	}
}

// ground gives what is to be proved, or says why nothing is.
func (x *proving) ground() (s canary.Site, none string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.site != nil:
		return *x.site, ""
	case x.none != "":
		return s, x.none
	}
	return s, "nothing is enforced that could be proved: nvr firewall arm loads it"
}

func (x *proving) lacks(why string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.none = why
}

// Hit takes a hit and tells whether it is the canary's own: of those nobody else
// needs to know. They are in the account like any other (C11).
func (f *Firewall) Hit(h *nflog.Hit) bool {
	return f.canary.Hit(h.Prefix.Layer, string(h.Prefix.Reason), h.Payload)
}

// Own tells whether the canary sent a packet that was logged and not dropped.
func (f *Firewall) Own(h *nflog.Hit) bool { return f.canary.Own(h.Payload) }

// Prove makes one round, and remembers what it found. Hits of its packets must
// come to Hit meanwhile. It may be called at any time, also while Run is at work.
func (f *Firewall) Prove(ctx context.Context) Proof {
	before := f.readStatus().about()
	site, none := f.proving.ground()
	if none != "" {
		return Proof{Proof: canary.Proof{Began: time.Now(), Fault: none}}
	}
	if f.o.Binding != nil {
		if _, bound := f.o.Binding(); !bound {
			return f.proving.keep(canary.Proof{Began: time.Now(), Fault: "the log of dropped packets is not read, so nothing tells what stopped a probe"}, before)
		}
	}
	return f.proving.keep(f.canary.Round(ctx, site), before)
}

// readStatus is the status by what was read back alone.
func (f *Firewall) readStatus() Status {
	f.statusMu.Lock()
	defer f.statusMu.Unlock()
	return f.status
}

// keep remembers a round.
func (x *proving) keep(p canary.Proof, of about) Proof {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := Proof{Proof: p, Next: p.Began.Add(proveAgain)}
	if p.Verdict() == canary.Proved {
		now.Since, now.Next = p.Began, p.Began.Add(proveEvery)
		if before := x.last; before != nil && !before.Since.IsZero() && x.about == of && p.Began.Sub(before.Began) < provedFor {
			now.Since = before.Since
		}
	}
	if x.site != nil { // else it was disarmed meanwhile
		x.last, x.about = &now, of
	}
	return now
}

// keepProving makes a round each minute, and at once when something else is in
// force or was repaired.
func (f *Firewall) keepProving(ctx context.Context) {
	tick := time.NewTicker(proveLook)
	defer tick.Stop()
	said := canary.Verdict("")
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if !f.proving.due(f.readStatus(), now) {
				continue
			}
		}
		p := f.Prove(ctx)
		if ctx.Err() != nil {
			return
		}
		if v := p.Verdict(); v != said {
			said = v
			f.tellProof(p.Proof)
		}
	}
}

// tellProof says in the log what a round found, where that is news.
func (f *Firewall) tellProof(p canary.Proof) {
	reasons := strings.Join(p.Reasons(), "; ")
	switch p.Verdict() {
	case canary.Proved:
		f.log.Info("containment proved", "paths", len(p.Paths), "took", p.Took, "cpu", p.CPU)
	case canary.Unproved:
		f.log.Warn("containment is not proved", "reasons", reasons)
	case canary.Weakened:
		f.log.Warn("the canary found a layer weakened", "reasons", reasons)
	case canary.Leaking:
		f.log.Error("the canary got out: cameras are not contained", "reasons", reasons)
	}
}

// due reports whether a round is to be made.
func (x *proving) due(s Status, now time.Time) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.site == nil || s.Checked.IsZero():
		return false
	case x.last == nil || x.about != s.about():
		return true
	}
	return !now.Before(x.last.Next)
}

// judge adds the proof to a status: what is enforced and proved of late is
// contained, and what a probe found is worse than what was read back.
func (x *proving) judge(s Status, now time.Time) Status {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.last != nil {
		last := *x.last
		s.Proof = &last
	}
	s.Unproved = x.unproved(s, now)
	if s.State == Disarmed || s.State == Observing || x.last == nil || x.site == nil {
		return s
	}
	fresh := now.Sub(s.Proof.Began) < provedFor
	switch verdict := s.Proof.Verdict(); {
	case verdict == canary.Leaking && fresh:
		s.State = NotEnforced
		s.Reasons = slices.Concat(s.Proof.Reasons(), s.Reasons)
	case verdict == canary.Weakened && fresh && (s.State == Enforced || s.State == Degraded):
		s.State = Degraded
		s.Reasons = slices.Concat(s.Reasons, s.Proof.Reasons())
	case s.State == Enforced && s.Unproved == "":
		s.State = Contained
		if s.Proof.Since.After(s.Since) {
			s.Since = s.Proof.Since
		}
	}
	return s
}

// unproved says why a status is not proved, in words; nothing where it is.
func (x *proving) unproved(s Status, now time.Time) string {
	switch {
	case x.none != "":
		return x.none
	case x.site == nil:
		return "there is no canary"
	case x.last == nil:
		return "the canary has made no round yet"
	case x.last.Verdict() != canary.Proved:
		return strings.Join(x.last.Reasons(), "; ")
	case x.about != s.about():
		return "what is in force has changed since the canary's last round; the next one is about to come"
	case now.Sub(x.last.Began) >= provedFor:
		return "the canary's last proof is older than " + provedFor.String()
	}
	return ""
}
