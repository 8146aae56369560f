package nflog_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

func TestReaderTellsWhatACameraSent(t *testing.T) {
	l := newLab(t)
	l.logAndDrop(100)
	var got hits
	l.reading(nflog.Options{Group: 100, Handle: got.add})

	_, err := l.dial("198.51.100.7:32100").Write([]byte("hello cloud"))
	must(t, err)
	h := got.find(t, "the UDP packet", func(h nflog.Hit) bool { return h.Protocol == 17 && h.DstPort == 32100 })
	want := nflog.Prefix{Layer: "L3", Reason: nflog.Egress, Rule: "raw-egress", Revision: "g1-abc"}
	if h.Prefix != want {
		t.Errorf("prefix %+v", h.Prefix)
	}
	if h.SrcMAC.String() != cameraMAC.String() || h.DstMAC.String() != bridgeMAC.String() {
		t.Errorf("hardware addresses %s > %s", h.SrcMAC, h.DstMAC)
	}
	if h.Port != "nvr-p1" && h.Port != "br-cam" {
		t.Errorf("came in by %q", h.Port)
	}
	if h.Src != netip.MustParseAddr("10.20.1.11") || h.Dst != netip.MustParseAddr("198.51.100.7") || h.EtherType != 0x0800 {
		t.Errorf("addresses %s > %s, ethertype %#x", h.Src, h.Dst, h.EtherType)
	}
	if h.Length != 20+8+11 || !strings.HasSuffix(string(h.Payload), "hello cloud") {
		t.Errorf("length %d, payload %q", h.Length, h.Payload)
	}
	if d := time.Since(h.Time); d < 0 || d > 5*time.Second {
		t.Errorf("stamped %s ago", d)
	}

	_, err = l.dial("[2001:db8::53]:53").Write(make([]byte, 600))
	must(t, err)
	h = got.find(t, "the IPv6 packet", func(h nflog.Hit) bool { return h.Family == 6 && h.DstPort == 53 })
	if h.Length != 40+8+600 || len(h.Payload) != nflog.MaxPayload {
		t.Errorf("length %d, kept %d", h.Length, len(h.Payload))
	}
}

func TestReaderTellsFramesOfTheBridge(t *testing.T) {
	l := newLab(t)
	l.run("ebtables-nft", "-t", "nat", "-A", "PREROUTING", "-i", "nvr-p1",
		"--nflog-group", "100", "--nflog-prefix", "S1|L1b|lateral|br-lateral|g1-abc", "-j", "DROP")
	t.Cleanup(func() { l.run("ebtables-nft", "-t", "nat", "-F", "PREROUTING") })
	var got hits
	l.reading(nflog.Options{Group: 100, Handle: got.add})
	addresses := append([]byte{2, 0, 0, 0, 0, 0x22}, cameraMAC...)
	frame := func(rest string) []byte {
		return append(append([]byte(nil), addresses...), packet(t, rest)...)
	}
	l.frames(
		frame("0800"+v4udp+"c3507d64001c0000"+strings.Repeat("00", 20)),
		frame("8100 0005 0800"+v4udp+"c3507d65001c0000"+strings.Repeat("00", 20)),
		frame("0806 0001080006040001 020000000011 0a14010b 000000000000 0a140102"+strings.Repeat("00", 18)),
		frame("88b5 deadbeef"+strings.Repeat("00", 46)),
	)
	h := got.find(t, "the lateral packet", func(h nflog.Hit) bool { return h.DstPort == 32100 })
	if h.Port != "nvr-p1" || h.Prefix.Layer != "L1b" || h.DstMAC != (nflog.MAC{2, 0, 0, 0, 0, 0x22}) || h.VLAN != 0 {
		t.Errorf("got %+v", h)
	}
	h = got.find(t, "the tagged packet", func(h nflog.Hit) bool { return h.DstPort == 32101 })
	if h.VLAN != 5 || h.EtherType != 0x0800 || h.SrcMAC.String() != cameraMAC.String() {
		t.Errorf("got %+v", h)
	}
	h = got.find(t, "the ARP request", func(h nflog.Hit) bool { return h.EtherType == 0x0806 && h.Dst == netip.MustParseAddr("10.20.1.2") })
	if h.Family != 0 || h.Src != netip.MustParseAddr("10.20.1.11") {
		t.Errorf("got %+v", h)
	}
	got.find(t, "the foreign ethertype", func(h nflog.Hit) bool { return h.EtherType == 0x88b5 && h.Family == 0 })
}

func TestForeignRulesAreCountedApart(t *testing.T) {
	l := newLab(t)
	l.run("iptables", "-t", "raw", "-A", "PREROUTING", "-i", "br-cam", "-p", "udp", "--dport", "1000",
		"-j", "NFLOG", "--nflog-group", "100", "--nflog-prefix", "somebody else")
	l.logAndDrop(100)
	var got hits
	r := l.reading(nflog.Options{Group: 100, Handle: got.add})
	_, err := l.dial("198.51.100.7:1000").Write([]byte("x"))
	must(t, err)
	got.find(t, "our own rule's hit", func(h nflog.Hit) bool { return h.DstPort == 1000 })
	if s := r.Stats(); s.Foreign != 1 {
		t.Errorf("account %+v", s)
	}
}

// TestAccountAddsUp is C11: what the kernel dropped is what was read and what was lost.
func TestAccountAddsUp(t *testing.T) {
	const packets = 100_000
	for _, c := range []struct {
		name  string
		slots int
		work  time.Duration
		loses bool
	}{
		{"reader keeps up", 0, 0, false},
		{"handler too slow for a small ring", 64, 200 * time.Microsecond, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			var marked atomic.Bool
			r := l.reading(nflog.Options{Group: 100, Slots: c.slots, Handle: func(h *nflog.Hit) {
				for start := time.Now(); time.Since(start) < c.work; {
				}
				if h.Protocol == 17 && h.DstPort == 9999 {
					marked.Store(true)
				}
			}})
			l.logAndDrop(100) // after the reader: what is dropped without one is in no account but the kernel's
			flood := l.dial("198.51.100.7:32100")
			marker := l.dial("198.51.100.8:9999")
			for range packets {
				_, err := flood.Write([]byte("0123456789abcdef"))
				must(t, err)
			}
			await(t, "the marker behind the flood", func() bool { // makes a lost tail visible
				_, err := marker.Write([]byte("x"))
				must(t, err)
				time.Sleep(20 * time.Millisecond)
				return marked.Load()
			})
			await(t, "the account to add up", func() bool {
				s := r.Stats()
				return s.Read+s.Lost == l.dropped()
			})
			s, dropped := r.Stats(), l.dropped()
			t.Logf("kernel dropped %d, read %d, lost %d", dropped, s.Read, s.Lost)
			if dropped < packets {
				t.Errorf("kernel dropped %d of %d", dropped, packets)
			}
			if c.loses && s.Lost == 0 {
				t.Error("nothing was lost: the test proves nothing")
			}
		})
	}
}

func TestReaderStartsUnderAFlood(t *testing.T) {
	l := newLab(t)
	l.logAndDrop(100)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		c := l.dial("198.51.100.7:32100")
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = c.Write([]byte("x"))
				}
			}
		})
	}
	defer wg.Wait()
	defer close(stop)
	for range 20 {
		var seen atomic.Bool
		r := nflog.New(nflog.Options{Group: 100, Handle: func(*nflog.Hit) { seen.Store(true) }})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		await(t, "a hit", func() bool {
			select {
			case err := <-done:
				t.Fatalf("the reader ended under the flood: %v", err)
			default:
			}
			return seen.Load()
		})
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func TestGroupTakenIsNotMissingRights(t *testing.T) {
	l := newLab(t)
	l.reading(nflog.Options{Group: 100, Handle: func(*nflog.Hit) {}})
	err := nflog.New(nflog.Options{Group: 100, Handle: func(*nflog.Hit) {}}).Run(t.Context())
	if !errors.Is(err, nflog.ErrGroupTaken) || errors.Is(err, nflog.ErrNoRights) {
		t.Errorf("second reader: %v", err)
	}
	if err != nil && !strings.Contains(err.Error(), "another program reads this netlink log group") {
		t.Errorf("says %q", err)
	}
}

func TestMissingRightsAreNamed(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with its lesser rights
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_NET_ADMIN, 0, 0, 0); err != nil {
			t.Errorf("give the right up: %v", err)
			return
		}
		c := exec.Command("/proc/self/exe")
		c.Env = append(os.Environ(), envNoRights+"=1")
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), nflog.ErrNoRights.Error()) {
			t.Errorf("said %q, %v", out, err)
		}
	}()
	<-done
}
