package firewall_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// C11: what is dropped between arming and the first read is on the list, when
// the log was bound before the first rule.
func TestPacketsDroppedBeforeTheFirstReadAreListed(t *testing.T) {
	l := newLab(t)
	var read atomic.Int64
	r := nflog.New(nflog.Options{Group: ruleset.LogGroup, Log: logger(t), Handle: func(*nflog.Hit) { read.Add(1) }})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	must(t, r.Bind(ctx))
	f := firewall.New(firewall.Options{
		StateDir: t.TempDir(), Log: logger(t), Interval: 50 * time.Millisecond, Binding: r.Binding,
		Hits: func() (uint64, uint64) { s := r.Stats(); return s.Read, s.Lost },
	})
	must(t, f.Set(ctx, policy()))
	l.awaitLinks()
	const n = 60
	for range n {
		l.camA.send(t, ether(bridgeMAC, camAMAC, unix.ETH_P_IP, ip4(camAIP, farIP, 17, udp(4000, 32100, newTag()))))
	}
	l.settle()
	keep(t, f)
	l.awaitState(f, firewall.Enforced, time.Now())
	if got := read.Load(); got != 0 {
		t.Fatalf("%d hits before anybody read: the test proves nothing", got)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	l.await("the account to settle with nothing unread", func() bool {
		c := f.Status().Counted
		return c.Read >= n && c.Read == c.Dropped && c.Unread == 0 && c.Lost == 0
	})
	if got := read.Load(); got < n {
		t.Errorf("%d of %d hits", got, n)
	}
	cancel()
	must(t, <-ended)
	// The group is free again: a reader without an early binding has it.
	hits := readPortHits(t)
	tag := newTag()
	l.camA.send(t, v4(farIP, 17, datagram(80))(tag))
	l.await("a hit of the next reader", func() bool { return hits.of(tag) != "" })
}
