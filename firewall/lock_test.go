package firewall_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// holdLock keeps the lock as a command that was stopped does, until the test ends.
func holdLock(t *testing.T, state string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(state, "firewall.lock"), os.O_CREATE|os.O_RDONLY, 0o600)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	for unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		time.Sleep(time.Millisecond) // the daemon's turn
	}
}

// C10: a command of ours that was stopped while it held the lock keeps nobody
// from looking, nor, after a while, from repairing or changing.
func TestAStoppedCommandFreezesNothing(t *testing.T) {
	l := newLab(t)
	state, ctx := t.TempDir(), context.Background()
	f := firewall.New(firewall.Options{StateDir: state, Log: logger(t), Interval: 100 * time.Millisecond})
	must(t, f.Set(ctx, policy()))
	keep(t, f)
	holdLock(t, state)
	foreign(t, "iptables -t raw -F PREROUTING")
	l.await("the missing layer to be said", func() bool {
		s := f.Status()
		return s.State == firewall.Degraded && contains(s.Reasons[0], "L3")
	})
	l.await("the repair", func() bool { return f.Status().State == firewall.Enforced })
	other := policy()
	other.Revision = "other"
	must(t, f.Set(ctx, other))
	l.await("the change", func() bool { s := f.Status(); return s.State == firewall.Enforced && s.Revision == "other" })
}

// What nobody reads back any more is not called enforced.
func TestAnOldReadBackIsNotBelieved(t *testing.T) {
	l := newLab(t)
	f := firewall.New(firewall.Options{StateDir: t.TempDir(), Log: logger(t), Interval: 100 * time.Millisecond})
	must(t, f.Set(context.Background(), policy()))
	l.await("the read-back to grow old", func() bool {
		s := f.Status()
		return s.State == firewall.Degraded && contains(s.Reasons[0], "not read back since")
	})
}

// C11: the account balances after a restart in the middle of a flood, with the
// rules in force all the time and the log's reader bound late.
func TestTheAccountBalancesAfterARestartUnderFlood(t *testing.T) {
	l := newLab(t)
	state, ctx := t.TempDir(), t.Context()
	must(t, firewall.New(firewall.Options{StateDir: state, Log: logger(t)}).Set(ctx, policy()))
	l.awaitLinks()
	stop := l.flood()
	reader := nflog.New(nflog.Options{Group: ruleset.LogGroup, Log: logger(t), Handle: func(*nflog.Hit) {}})
	f := firewall.New(firewall.Options{
		StateDir: state, Log: logger(t), Interval: 200 * time.Millisecond, Binding: reader.Binding,
		Hits: func() (read, lost uint64) { s := reader.Stats(); return s.Read, s.Lost },
	})
	must(t, f.Set(ctx, policy()))
	keep(t, f)
	l.await("drops without a reader", func() bool { return f.Status().Counted.Unread > 1000 })
	reading := make(chan error, 1)
	rctx, cancel := context.WithCancel(ctx)
	go func() { reading <- reader.Run(rctx) }()
	t.Cleanup(func() { cancel(); must(t, <-reading) })
	<-reader.Ready()
	l.await("hits", func() bool { return reader.Stats().Read > 1000 })
	stop()
	var c firewall.Counted
	since := time.Now()
	l.await("the account to balance and stay so", func() bool {
		before := c
		l.awaitState(f, firewall.Enforced, time.Now())
		if c = f.Status().Counted; c != before {
			since = time.Now()
		}
		return time.Since(since) > 2*time.Second && c.Dropped == c.Read+c.Lost+c.Unread+c.Suppressed
	})
	if c.Unread < 1000 || c.Read < 1000 {
		t.Errorf("account %+v", c)
	}
	// From here on each packet is accounted for by the reader itself.
	stop = l.flood()
	l.await("more hits", func() bool { return reader.Stats().Read > c.Read+1000 })
	stop()
	l.await("the account to balance again", func() bool {
		l.awaitState(f, firewall.Enforced, time.Now())
		now := f.Status().Counted
		return now.Dropped > c.Dropped && now.Unread == c.Unread && now.Dropped == now.Read+now.Lost+now.Unread+now.Suppressed
	})
}
