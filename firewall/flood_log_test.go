package firewall_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
	"github.com/stockade-nvr/stockade/internal/frames"
)

// logged is what our own reader read: which rules logged a tag.
type logged struct {
	*nflog.Reader
	mu    sync.Mutex
	rules map[string]string // by tag: the first
}

// readLog runs our own reader until the test ends.
func readLog(t *testing.T) *logged {
	t.Helper()
	r := &logged{rules: map[string]string{}}
	r.Reader = nflog.New(nflog.Options{Group: ruleset.LogGroup, Handle: func(h *nflog.Hit) {
		if tag := tagIn(h.Payload); tag != "" {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.rules[tag] == "" {
				r.rules[tag] = h.Prefix.Rule
			}
		}
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() { cancel(); must(t, <-ended) })
	<-r.Ready()
	return r
}

func (r *logged) rule(tag string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rules[tag]
}

// flooding sends a path as many times, all with one tag, as fast as it can; from
// invented MACs if so wished.
func (l *lab) flooding(p probe, times int, invented bool) (tag string) {
	tag = newTag()
	list := p.frames(tag)
	for i := range list {
		list[i].frame = frames.Padded(list[i].frame)
	}
	for n := range times * len(list) {
		f := list[n%len(list)]
		if invented {
			copy(f.frame[6:12], []byte{2, 0xee, 0, byte(n >> 16), byte(n >> 8), byte(n)})
		}
		for {
			if _, err := unix.Write(f.from(l).fd, f.frame); err == nil {
				break
			}
		}
	}
	return tag
}

// How many frames are more than is logged: of one source, and of all.
const (
	tooManyOfOne = 6000
	tooManyOfAll = 60_000
)

// moreOf are the rules that lead to what drops without logging, with their match, by
// the id of the rule that drops.
func moreOf(rs ruleset.Ruleset) map[string][]string {
	list := map[string][]string{}
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				if ruleset.Suppressed(strings.ToLower(r.To)) {
					id := strings.ToLower(strings.ReplaceAll(r.To, "_", "-"))
					list[id] = append(list[id], r.Match)
				}
			}
		}
	}
	return list
}

// C11: what is too much to log is dropped all the same, by each layer alone, and
// counted apart. Each rule that does so is reached; docs/containment.md says so.
func TestTooMuchToLogIsDroppedAndCounted(t *testing.T) {
	l := newLab(t)
	l.proveLeaks(t)
	reader := readLog(t)
	unreached := moreOf(compiled(t))
	for column, solo := range soloParts() {
		rs := only(compiled(t), solo.part)
		here := moreOf(rs)
		if len(here) == 0 {
			continue
		}
		t.Run(solo.name, func(t *testing.T) {
			k := l.loadRules(rs)
			defer k.unload()
			for id, p := range l.pathsByRule(reader, column) {
				for i, match := range here[id+"-more"] {
					before := k.dropped(id + "-more")
					n := tooManyOfAll
					if strings.Contains(match, "srcip") || strings.Contains(match, "update") {
						n = tooManyOfOne
					}
					tag := l.flooding(p, n, i > 0)
					if leaked := l.arrived(p.at, tag); leaked > 0 {
						t.Errorf("%s: %d of %d leaked", p.name, leaked, n)
					}
					if k.dropped(id+"-more") == before {
						t.Errorf("%s: of %d packets none was dropped by %q", p.name, n, match)
					}
					delete(unreached, id+"-more")
				}
			}
		})
	}
	// The kernel routes nothing that is said to all; for frames see TestFloodsOfFramesAreCounted.
	want := []string{"fwd-chatter-more", "pin-more"}
	if got := slices.Sorted(maps.Keys(unreached)); !slices.Equal(got, want) {
		t.Errorf("no path leads to %q, want %q", got, want)
	}
}

// pathsByRule sends each path that a layer stops once, and tells one for each rule that logged it.
func (l *lab) pathsByRule(reader *logged, column int) map[string]probe {
	sent := map[string]probe{}
	l.stale()
	l.punch()
	for _, p := range probes() {
		if p.frames == nil || p.alone[column] != 'S' {
			continue
		}
		tag := newTag()
		p.send(l, tag)
		sent[tag] = p
	}
	l.settle()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		missing := ""
		for tag, p := range sent {
			if reader.rule(tag) == "" {
				missing += p.name + "; "
			}
		}
		if missing == "" {
			break
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("no hits: %s", missing)
		}
	}
	by := map[string]probe{}
	for tag, p := range sent {
		by[reader.rule(tag)] = p
	}
	return by
}

// dropped is what a permanent rule counted.
func (k *loaded) dropped(id string) uint64 {
	k.l.t.Helper()
	k.l.settle()
	counts, err := k.k.Dropped(context.Background(), k.rs)
	must(k.l.t, err)
	n, ok := counts[id]
	if !ok {
		k.l.t.Fatalf("no rule %s counts", id)
	}
	return n
}

// C7, C11: frames that nothing lets pass are counted by their MAC before they are
// judged, where the judges know no limits.
func TestFloodsOfFramesAreCounted(t *testing.T) {
	l := newLab(t)
	l.proveLeaks(t)
	k := l.loadRules(compiled(t))
	defer k.unload()
	for _, name := range []string{"udp v6", "lateral v4", "LLDP"} {
		before, p := k.dropped("pin-more"), probeNamed(name)
		tag := l.flooding(p, tooManyOfOne, false)
		if n := k.dropped("pin-more") - before; n == 0 || n > tooManyOfOne {
			t.Errorf("%s: %d of %d dropped without being logged", name, n, tooManyOfOne)
		}
		if n := l.arrived(p.at, tag); n > 0 {
			t.Errorf("%s: %d leaked", name, n)
		}
	}
}

// C11: whoever floods, however, what another camera tries is listed, and each
// packet is accounted for.
func TestNoFloodHidesAnotherCamera(t *testing.T) {
	const attempts = 20
	l := newLab(t)
	l.proveLeaks(t)
	reader := readLog(t)
	f := firewall.New(firewall.Options{
		StateDir: t.TempDir(), Log: logger(t), Interval: 200 * time.Millisecond,
		Hits: func() (read, lost uint64) { s := reader.Stats(); return s.Read, s.Lost }, Binding: reader.Binding,
	})
	must(t, f.Set(t.Context(), l.policy()))
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- f.Run(ctx) }()
	defer func() { cancel(); must(t, <-ran) }()
	l.awaitLinks()
	for _, flood := range []struct {
		path     string
		invented bool
	}{{"udp", false}, {"udp v6", false}, {"udp v6", true}, {"lateral v4", false}, {"hairpin to camera B", false}, {"unknown device", true}, {"fragments", false}} {
		name := fmt.Sprintf("%s, invented MACs %t", flood.path, flood.invented)
		ended, stop := make(chan int), make(chan struct{})
		go func() {
			sent := 0
			for {
				select {
				case <-stop:
					ended <- sent
					return
				default:
					l.flooding(probeNamed(flood.path), 1000, flood.invented)
					sent += 1000
				}
			}
		}()
		began := time.Now()
		var tags []string
		for range attempts {
			tag := newTag()
			l.camB.send(t, as4(bridgeMAC, camBMAC, camBIP, farIP, datagram(443))(tag))
			tags = append(tags, tag)
			time.Sleep(25 * time.Millisecond)
		}
		close(stop)
		sent, took := <-ended, time.Since(began)
		l.settle()
		nudged := time.Time{}
		l.await("the account of "+name, func() bool {
			if time.Since(nudged) > 3*time.Second { // makes a lost tail visible; and then quiet, for what was unread to be settled
				nudged = time.Now()
				l.camB.send(t, as4(bridgeMAC, camBMAC, camBIP, farIP, datagram(443))(newTag()))
			}
			time.Sleep(50 * time.Millisecond)
			c := f.Status().Counted
			return time.Since(nudged) > time.Second && c.Dropped == c.Read+c.Lost+c.Unread+c.Suppressed
		})
		c := f.Status().Counted
		t.Logf("%s: %.0f packets/s; %+v", name, float64(sent)/took.Seconds(), c)
		for i, tag := range tags {
			if reader.rule(tag) == "" {
				t.Errorf("%s: attempt %d of the other camera is not listed", name, i)
			}
		}
		if c.Lost > c.Read/20 { // a machine that gives the reader nothing for a while loses some, and counts them
			t.Errorf("%s: %d packets were lost of %d that were logged", name, c.Lost, c.Lost+c.Read)
		}
	}
}
