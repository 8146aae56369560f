package firewall_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
	"github.com/stockade-nvr/stockade/firewall/sinkhole"
)

// absent tells what of a capture the journal does not have, and what it has that
// was not in the capture.
func absent(t *testing.T, j *journal.Journal, c capture) (missing []string) {
	t.Helper()
	far, said, asked := map[string]bool{}, map[string]bool{}, map[string]bool{}
	page, err := j.Query(journal.Filter{Chatter: journal.WithChatter, Limit: 1000})
	must(t, err)
	for _, a := range page.Attempts {
		if d := a.Destination; a.Device == "dev-a" && a.Family == 4 && d.IsGlobalUnicast() && !d.IsPrivate() && d != netip.AddrFrom4([4]byte{255, 255, 255, 255}) && !sinkholes.Contains(d) {
			if a.ProtocolName == "icmp" {
				continue // the camera's kernel says that nobody listens there for the answers that it got here
			}
			far[fmt.Sprintf("%s %s", a.ProtocolName, netip.AddrPortFrom(d, a.DestinationPort))] = true
		}
		for _, s := range a.Said {
			said[strings.ToLower(s.Name)] = true
		}
	}
	for _, q := range j.Questions("dev-a", 1000) {
		asked[strings.ToLower(q.Name)] = true
	}
	for _, x := range []struct {
		want []string
		has  map[string]bool
	}{{c.far, far}, {c.said, said}, {c.asked, asked}} {
		for _, w := range x.want {
			if !x.has[strings.ToLower(w)] {
				missing = append(missing, w)
			}
		}
	}
	for d := range far {
		if !slices.Contains(c.far, d) {
			missing = append(missing, "nobody sent "+d)
		}
	}
	return missing
}

// sinkholes are the addresses that names are given.
var sinkholes = netip.MustParsePrefix("198.18.0.0/15")

// countOutside counts packets that arrive outside, but for those of the lab itself:
// they have a tag, or are the box's own neighbour discovery.
func (l *lab) countOutside() func() int {
	var n atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	fd := -1
	must(l.t, l.out.space.Do(func() error {
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
			size, from, err := unix.Recvfrom(fd, buf, 0)
			if ll, ok := from.(*unix.SockaddrLinklayer); err != nil || ok && ll.Pkttype == unix.PACKET_OUTGOING || size < 14 || buf[12] == 0x08 && buf[13] == 0x06 {
				continue
			}
			if buf[12] == 0x86 && buf[13] == 0xdd && buf[38] == 0xff || tagIn(buf[:size]) != "" && n.Load() > 0 {
				continue // the very first is the control packet
			}
			n.Add(1)
		}
	}()
	l.t.Cleanup(func() { close(stop); <-done; unix.Close(fd) })
	return func() int { return int(n.Load()) }
}

// C7, C8, C11: what real cameras sent to their makers is replayed from a camera's port.
// Every destination and every name is in the journal, nothing arrives outside.
func TestRealCamerasAreListedAndHeld(t *testing.T) {
	list := captures(t)
	l := newLab(t)
	l.proveLeaks(t)
	for _, c := range l.sinkhole {
		must(t, c.Close())
	}
	outside := l.countOutside()
	l.camA.send(t, as4(bridgeMAC, camAMAC, camAIP, farIP, datagram(80))(newTag()))
	l.await("a packet outside, before anything is enforced: else the count proves nothing", func() bool { return outside() > 0 })
	for name, c := range list {
		t.Run(name, func(t *testing.T) { l.replay(t, c, outside) })
	}
}

func (l *lab) replay(t *testing.T, c capture, outside func() int) {
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
	f := firewall.New(firewall.Options{StateDir: t.TempDir(), Log: logger(t), Hits: func() (uint64, uint64) { s := hits.Stats(); return s.Read, s.Lost }})
	must(t, f.Set(t.Context(), l.policy()))
	foreign(t, "conntrack -F 2>&1") // each capture has its own flows
	l.await("a question of the camera's", func() bool {
		l.camA.send(t, asCamera(small().frames[0]))
		time.Sleep(5 * time.Millisecond)
		return len(j.Questions("dev-a", 1)) > 0
	})
	before := outside()
	for _, frame := range c.frames {
		l.camA.send(t, asCamera(frame))
		time.Sleep(4 * time.Millisecond) // so much of a device is looked into
	}
	missing := []string{"everything"}
	for deadline := time.Now().Add(15 * time.Second); len(missing) > 0 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		must(t, j.Flush())
		missing = absent(t, j, c)
	}
	if len(missing) > 0 {
		t.Errorf("not listed: %q", missing)
	}
	l.settle()
	if n := outside() - before; n > 0 {
		t.Errorf("%d packets outside", n)
	}
}
