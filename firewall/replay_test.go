package firewall_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
	"github.com/stockade-nvr/stockade/firewall/sinkhole"
)

// arrivals counts frames that come in on a wire, by destination.
type arrivals struct {
	mu sync.Mutex // guards to
	to map[string]uint64
}

// watch counts what arrives on a wire, but for what the lab itself sends: that has a
// tag, or is neighbourly.
func (l *lab) watch(w *wire) *arrivals {
	a := &arrivals{to: map[string]uint64{}}
	stop, done := make(chan struct{}), make(chan struct{})
	fd := -1
	must(l.t, w.space.Do(func() error {
		i, err := net.InterfaceByName("eth0")
		if err == nil {
			fd, err = sniffer(i.Index)
		}
		return err
	}))
	go func() {
		defer close(done)
		buf := make([]byte, camerasMTU+64)
		for {
			select {
			case <-stop:
				return
			default:
			}
			n, from, err := unix.Recvfrom(fd, buf, 0)
			if ll, ok := from.(*unix.SockaddrLinklayer); err != nil || ok && ll.Pkttype == unix.PACKET_OUTGOING {
				continue
			}
			a.add(buf[:n])
		}
	}()
	l.t.Cleanup(func() { close(stop); <-done; unix.Close(fd) })
	return a
}

func (a *arrivals) add(frame []byte) {
	if !bytes.Equal(frame[6:min(12, len(frame))], camAMAC) && neighbourly(frame) || tagIn(frame) != "" {
		return
	}
	key := fmt.Sprintf("type %x", frame[12:14])
	if p, ok := whither(frame); ok {
		key = p.String()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.to[key]++
}

// neighbourly reports whether a frame is one by which a box speaks for itself to
// those on the same wire, and which no router forwards: ARP, IGMP, and IPv6 to a
// multicast address.
func neighbourly(frame []byte) bool {
	if len(frame) < 40 {
		return true
	}
	switch binary.BigEndian.Uint16(frame[12:]) {
	case unix.ETH_P_ARP:
		return true
	case unix.ETH_P_IP:
		return frame[23] == unix.IPPROTO_IGMP
	case unix.ETH_P_IPV6:
		return frame[38] == 0xff
	}
	return false
}

// take gives what was counted since the last time.
func (a *arrivals) take() map[string]uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	to := a.to
	a.to = map[string]uint64{}
	return to
}

// C7, C8, C11: what real cameras sent to their makers is replayed from a camera's
// port. Each packet, each destination and each name is in the journal, and nothing
// arrives outside or at another camera, where all of it does without protection.
func TestRealCamerasAreListedAndHeld(t *testing.T) {
	list := captures(t)
	l := newLab(t)
	l.proveLeaks(t)
	for _, c := range l.sinkhole {
		must(t, c.Close())
	}
	outside, camB := l.watch(l.out), l.watch(l.camB)
	l.camA.send(t, as4(bridgeMAC, camAMAC, camAIP, farIP, datagram(80))(newTag())) // so that the way is known
	for name, c := range list {
		l.leaksWhole(t, name, c, outside, camB)
	}
	for name, c := range list {
		t.Run(name, func(t *testing.T) {
			l.replay(t, c)
			for at, saw := range map[string]*arrivals{"outside": outside, "at another camera": camB} {
				if got := saw.take(); len(got) > 0 {
					t.Errorf("arrived %s: %v", at, got)
				}
			}
		})
	}
}

// leaksWhole sends a capture while nothing is enforced. What was for the internet
// arrives there to the packet, what was for all arrives at the other camera: else
// that nothing does later would prove nothing.
func (l *lab) leaksWhole(t *testing.T, name string, c capture, outside, camB *arrivals) {
	t.Helper()
	want := map[string]uint64{}
	forAll := false
	for _, f := range c.frames {
		l.camA.send(t, f)
		p, ok := whither(f)
		if ok && beyond(p.to.Addr()) {
			want[p.String()]++
		}
		forAll = forAll || f[0]&1 != 0
	}
	l.settle()
	got := outside.take()
	maps.DeleteFunc(got, func(to string, _ uint64) bool { return want[to] == 0 }) // the rest of the site has nobody at home: it goes out, too
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s, with nothing enforced, outside (-sent +arrived):\n%s", name, diff)
	}
	if at := camB.take(); forAll && len(at) == 0 {
		t.Fatalf("%s, with nothing enforced: nothing of it is at the other camera", name)
	}
}

// replay sends a capture through a recorder's own parts, and waits for the journal
// to have all of it.
func (l *lab) replay(t *testing.T, c capture) {
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal.db"), journal.Options{
		Identify: func(_ nflog.MAC, from netip.Addr) (o journal.Owner) {
			if from == ip(camAIP) {
				o.Device = "dev-a"
			}
			return o
		},
	})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 4)
	run := func(f func(context.Context) error) { go func() { done <- f(ctx) }() }
	run(j.Run)
	hits := nflog.New(nflog.Options{Group: ruleset.LogGroup, Handle: j.Add})
	asked := nflog.New(nflog.Options{Group: ruleset.AskedGroup, Handle: j.Add})
	run(hits.Run)
	run(asked.Run)
	sink := sinkhole.New(sinkhole.Options{Log: logger(t), Device: "br-cam", Listen: []netip.Addr{ip(recorderIP)}, DNS: true, NTP: true, Names: j})
	run(sink.Run)
	t.Cleanup(func() {
		cancel()
		for range cap(done) {
			must(t, <-done)
		}
		must(t, j.Close())
	})
	<-hits.Ready()
	<-asked.Ready()
	<-sink.Ready()
	f := firewall.New(firewall.Options{
		StateDir: t.TempDir(), Log: logger(t), Binding: hits.Binding,
		Hits: func() (uint64, uint64) { s := hits.Stats(); return s.Read, s.Lost },
	})
	must(t, f.Set(t.Context(), l.policy()))
	foreign(t, "conntrack -F 2>&1") // each capture has its own flows
	l.await("a question of the camera's", func() bool {
		l.camA.send(t, as4(bridgeMAC, camAMAC, camAIP, recorderIP, func(string) []byte { return udp(5002, 53, askFor(early)) })(""))
		time.Sleep(5 * time.Millisecond)
		return len(j.Questions("dev-a", 1)) > 0
	})
	for _, frame := range c.frames {
		l.camA.send(t, frame)
		time.Sleep(4 * time.Millisecond) // so much of a device is looked into
	}
	l.settle()
	wrong := errors.New("not looked")
	for deadline := time.Now().Add(15 * time.Second); wrong != nil && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		must(t, j.Flush())
		wrong = c.against(j)
	}
	if wrong != nil {
		t.Error(wrong)
	}
	l.balanced(t, f, j, hits)
}

// balanced waits until the kernel's counters, what was read of the log, and what
// the journal has are one number (C11).
func (l *lab) balanced(t *testing.T, f *firewall.Firewall, j *journal.Journal, hits *nflog.Reader) {
	t.Helper()
	var (
		n      firewall.Counted
		listed uint64
	)
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		must(t, f.Set(t.Context(), l.policy()))
		must(t, j.Flush())
		page, err := j.Query(journal.Filter{Chatter: journal.WithChatter, Limit: 1000})
		must(t, err)
		listed = 0
		for _, a := range page.Attempts {
			if a.Reason != nflog.Redirected { // that was not dropped
				listed += a.Count
			}
		}
		n = f.Status().Counted
		read := hits.Stats()
		switch {
		case n.Read > 0 && n.Dropped == n.Read && n.Unread+n.Lost+n.Suppressed+read.Lost == 0 && listed == read.Read:
			t.Logf("%d packets dropped, %d read, %d listed", n.Dropped, n.Read, listed)
			return
		case time.Now().After(deadline):
			t.Fatalf("the account does not balance: %+v, the reader has %+v, the journal %d", n, read, listed)
		}
	}
}

// against tells what of a capture the journal does not have, and what it has that
// was not in the capture: each packet that was not for the recorder, each question,
// each name in what was said.
func (c capture) against(j *journal.Journal) error {
	page, err := j.Query(journal.Filter{Chatter: journal.WithChatter, Limit: 1000})
	if err != nil {
		return err
	}
	sent, said := maps.Clone(c.sent), map[string]bool{}
	ours := func(to string, _ uint64) bool { return strings.Contains(to, " "+recorderIP+":") }
	maps.DeleteFunc(sent, ours)
	listed := map[string]uint64{}
	for _, a := range page.Attempts {
		for _, s := range a.Said {
			said[strings.ToLower(s.Name)] = true
		}
		if a.Family != 4 || a.MAC != nflog.MAC(camAMAC) || a.Protocol == unix.IPPROTO_ICMP && a.DestinationPort == portUnreachable {
			continue
		}
		if beyond(a.Destination) && a.Device != "dev-a" {
			return fmt.Errorf("the attempt on %s is of %q", a.Destination, a.Device)
		}
		listed[fmt.Sprintf("%s %s", a.ProtocolName, netip.AddrPortFrom(a.Destination, a.DestinationPort))] += a.Count
	}
	maps.DeleteFunc(listed, ours)
	var wrong []error
	if diff := cmp.Diff(sent, listed); diff != "" {
		wrong = append(wrong, fmt.Errorf("packets (-sent +listed):\n%s", diff))
	}
	asked := map[string]uint64{}
	for _, q := range j.Questions("dev-a", 1000) {
		if q.Name != early {
			asked[q.Name] += q.Count
		}
	}
	if diff := cmp.Diff(c.asked, asked); diff != "" {
		wrong = append(wrong, fmt.Errorf("questions (-sent +listed):\n%s", diff))
	}
	for _, name := range c.said {
		if !said[strings.ToLower(name)] {
			wrong = append(wrong, fmt.Errorf("%q was said, and is with no attempt", name))
		}
	}
	return errors.Join(wrong...)
}

// portUnreachable is ICMP's type and code by which the camera's kernel says that
// nobody listens there for the answers that a replayed question gets.
const portUnreachable = 3<<8 | 3

// early is the name asked for before a capture, until it is answered: how often is
// nobody's business.
const early = "early.example"
