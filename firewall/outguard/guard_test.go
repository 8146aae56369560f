package outguard_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/netfilter"
	"github.com/stockade-nvr/stockade/firewall/outguard"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
	"github.com/stockade-nvr/stockade/internal/lab/machine"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

// Programs of BPF take root in the box's own user namespace.
func TestMain(m *testing.M) {
	none := func() error { return nil }
	machine.Main(m, none, none)
}

// box runs a test in a network namespace of its own, on what build makes.
func box(t *testing.T, test func(g outguard.Guard) error) {
	t.Helper()
	space, err := ns.New("box")
	must(t, err)
	t.Cleanup(func() { must(t, space.Close()) })
	must(t, space.Do(func() error {
		if err := build(); err != nil {
			return err
		}
		g := outguard.Guard{File: filepath.Join(t.TempDir(), "guard"), Bridge: "br-cam", Ports: []string{"port-a", "port-b"}}
		if err := g.Attach(); errors.Is(err, outguard.ErrRights) || errors.Is(err, outguard.ErrNoTCX) {
			return without(t, g, err)
		}
		if err := g.Remove(); err != nil {
			return err
		}
		return test(g)
	}))
}

// without holds what is left to hold where the kernel lets nobody attach anything,
// as in a container: that this is said, and that nothing pretends to be there.
func without(t *testing.T, g outguard.Guard, why error) error {
	t.Helper()
	t.Log("THE GUARD ITSELF IS NOT TESTED ON THIS MACHINE:", why)
	missing, err := g.Check()
	if err != nil || len(missing) == 0 || len(outguard.Noted(g.File)) > 0 {
		t.Errorf("missing %q, noted %+v: %v", missing, outguard.Noted(g.File), err)
	}
	return g.Remove()
}

// build makes a box: a bridge with two ports, behind each a camera, and an uplink
// with the outside behind it. It forwards whatever it can.
func build() error {
	return sh(`
			ip link add br-cam address 02:5a:0a:14:00:01 type bridge mcast_snooping 0
			for p in a b; do
				ip link add port-$p address 02:00:00:00:02:1$p type veth peer name cam-$p address 02:00:00:00:00:1$p
				ip link set port-$p master br-cam up; ip link set cam-$p arp off up
			done
			ip link add up0 address 02:00:00:00:0f:01 type veth peer name out0
			ip link set br-cam up; ip link set up0 up; ip link set out0 arp off promisc on up
			ip addr add 10.20.0.1/16 dev br-cam; ip addr add 192.0.2.1/24 dev up0
			ip -6 addr add fd00:20::1/64 dev br-cam nodad; ip -6 addr add 2001:db8:1::1/64 dev up0 nodad
			ip neigh add 192.0.2.2 lladdr 02:00:00:00:0f:02 dev up0
			ip -6 neigh add 2001:db8:1::2 lladdr 02:00:00:00:0f:02 dev up0
			ip route add 203.0.113.0/24 via 192.0.2.2; ip -6 route add 2001:db8:113::/64 via 2001:db8:1::2
			for i in 4/ip_forward 6/conf/all/forwarding; do echo 1 > /proc/sys/net/ipv$i; done`)
}

// ways lead camera A's frames outside; the first is what forwarding does by itself.
var ways = []struct{ name, put, off string }{
	{"routed", "true", "true"},
	{"tc redirect", mirred("redirect", "egress", "up0"), "tc qdisc del dev port-a clsact"},
	{"tc mirror", mirred("mirror", "egress", "up0"), "tc qdisc del dev port-a clsact"},
	{"tc as if it came by the uplink", mirred("redirect", "ingress", "up0"), "tc qdisc del dev port-a clsact"},
	{"nft forward", "nft add table netdev evil '{ chain c { type filter hook ingress device port-a priority 0; fwd to up0; }; }'", "nft delete table netdev evil"},
	{"nft copy of frames", "nft add table netdev evil '{ chain c { type filter hook ingress device port-a priority 0; dup to up0; }; }'", "nft delete table netdev evil"},
	{"nft copy of IPv4", "nft add table ip evil '{ chain c { type filter hook prerouting priority -500; dup to 192.0.2.2; }; }'", "nft delete table ip evil"},
	{"nft copy of IPv6", "nft add table ip6 evil '{ chain c { type filter hook prerouting priority -500; dup to 2001:db8:1::2; }; }'", "nft delete table ip6 evil"},
	{"TEE", "ip6tables -t raw -A PREROUTING -i br-cam -j TEE --gateway 2001:db8:1::2", "ip6tables -t raw -F"},
	{"bridged", "ip link set up0 master br-cam", "ip link set up0 nomaster"},
}

func mirred(how, direction, to string) string {
	return "tc qdisc add dev port-a clsact && tc filter add dev port-a ingress protocol all u32 match u32 0 0 action mirred " + direction + " " + how + " dev " + to
}

// C3, L6, with no other layer there: nothing that came in by a camera's port
// leaves by any way. Without it each of these leaks.
func TestNothingOfACameraLeaves(t *testing.T) {
	box(t, func(g outguard.Guard) error {
		for _, guarded := range []bool{false, true} {
			if guarded {
				if err := g.Attach(); err != nil {
					return err
				}
			}
			for _, w := range ways {
				if err := sh(w.put); err != nil {
					return err
				}
				n, err := outside(200)
				if err != nil {
					return err
				}
				if err := sh(w.off); err != nil {
					return err
				}
				switch {
				case guarded && n > 0:
					t.Errorf("%s: %d packets left", w.name, n)
				case !guarded && n == 0:
					t.Errorf("%s: nothing leaves without the guard: the test proves nothing", w.name)
				}
			}
		}
		return answered()
	})
}

// An XDP program sees a frame before anything else, and may send it on past every
// layer. The kernel refuses one on a port while the bridge above has ours.
func TestNoXDPProgramComesOnAPort(t *testing.T) {
	box(t, func(g outguard.Guard) error {
		put := func() error {
			for _, mode := range []link.XDPAttachFlags{link.XDPGenericMode, link.XDPDriverMode} {
				err := putXDP(mode)
				if g.File == "" && err != nil || g.File != "" && !errors.Is(err, unix.EEXIST) {
					return fmt.Errorf("mode %d: %w", mode, err)
				}
			}
			return nil
		}
		file := g.File
		g.File = ""
		if err := put(); err != nil {
			return fmt.Errorf("without the guard: %w", err)
		}
		g.File = file
		if err := g.Attach(); err != nil {
			return err
		}
		return put()
	})
}

// putXDP puts an XDP program on a port for a moment.
func putXDP(mode link.XDPAttachFlags) error {
	pass, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}})
	if err != nil {
		return err
	}
	defer pass.Close()
	held, err := link.AttachXDP(link.XDPOptions{Program: pass, Interface: index("port-a"), Flags: mode})
	if err != nil {
		return err
	}
	return held.Close()
}

// C10: what was taken away is named and put back, what came later too, and what
// was there before does not stay; after Remove nothing does.
func TestWhatIsMissingIsNamedAndPutBack(t *testing.T) {
	box(t, func(g outguard.Guard) error {
		if err := g.Attach(); err != nil {
			return err
		}
		first := outguard.Noted(g.File)
		for _, c := range []struct {
			missing string
			hand    func() error
		}{
			{"", func() error { return nil }},
			{"what leaves by up0 is not looked at", func() error { return detach("up0", outguard.AtEgress) }},
			{"traffic control may act on port-a", func() error { return detach("port-a", outguard.AtIngress) }},
			{"XDP programs may be put on the ports of br-cam", func() error { return sh("ip link set dev br-cam xdpgeneric off") }},
			{"what leaves by late0 is not looked at", func() error { return sh("ip link add late0 type veth peer name late1") }},
			{"camera interface port-b came later and is not known to it", func() error {
				return sh("ip link del port-b; ip link add port-b type veth peer name cam-b; ip link set port-b master br-cam")
			}},
			{"no program of ours is attached", func() error { return os.Remove(g.File) }},
		} {
			if err := c.hand(); err != nil {
				return fmt.Errorf("%s: %w", c.missing, err)
			}
			missing, err := g.Check()
			if err != nil || c.missing == "" && len(missing) > 0 || c.missing != "" && !slices.Contains(missing, c.missing) {
				t.Errorf("missing %q, want %q: %v", missing, c.missing, err)
			}
			if err := g.Attach(); err != nil {
				return fmt.Errorf("%s: %w", c.missing, err)
			}
			if missing, err := g.Check(); err != nil || len(missing) > 0 {
				t.Errorf("after the repair of %q missing %q: %v", c.missing, missing, err)
			}
		}
		if now := outguard.Noted(g.File); len(first) != 3 || len(now) != 3 || now[0] == first[0] {
			t.Errorf("programs %v, then %v: the test made nothing anew, or earlier ones stay noted", first, now)
		}
		for name, at := range map[string]ebpf.AttachType{"up0": outguard.AtEgress, "port-a": outguard.AtIngress} {
			if ids, err := outguard.Attached(index(name), at); err != nil || len(ids) != 1 {
				t.Errorf("programs %v on %s: %v", ids, name, err)
			}
		}
		if err := g.Remove(); err != nil {
			return err
		}
		for _, name := range []string{"up0", "port-a", "br-cam", "late0"} {
			for _, at := range []ebpf.AttachType{outguard.AtEgress, outguard.AtIngress} {
				if ids, err := outguard.Attached(index(name), at); err != nil || len(ids) > 0 {
					t.Errorf("after Remove programs %v on %s: %v", ids, name, err)
				}
			}
		}
		if out, err := exec.Command("ip", "link", "show", "br-cam").Output(); err != nil || strings.Contains(string(out), "xdp") {
			t.Errorf("after Remove: %s, %v", out, err)
		}
		return nil
	})
}

// Who looks for what passes by the rules, as the recorder does at each event, takes
// no program of ours for another's: not while they are attached, nor when the note of
// them was lost.
func TestNobodyTakesTheGuardForAnothers(t *testing.T) {
	box(t, func(g outguard.Guard) error {
		here, err := netns.Get()
		if err != nil {
			return err
		}
		defer here.Close()
		look := func() error {
			return netfilter.ShutBypassed(ruleset.Link{Bridge: g.Bridge, Ports: g.Ports, Isolated: true}, g.File, slog.New(slog.NewTextHandler(t.Output(), nil)))
		}
		over, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			runtime.LockOSThread() // and not unlocked: the thread ends in the box
			err := netns.Set(here)
			for err == nil {
				select {
				case <-over:
					ended <- nil
					return
				default:
					err = look()
				}
			}
			ended <- err
		}()
		for range 20 {
			if err = errors.Join(g.Attach(), detach("up0", outguard.AtEgress)); err != nil {
				break
			}
		}
		close(over)
		if err := errors.Join(err, <-ended, os.Remove(g.File), look()); err != nil {
			return err
		}
		for _, port := range g.Ports {
			if i, err := net.InterfaceByName(port); err != nil || i.Flags&net.FlagUp == 0 {
				t.Errorf("%s was set down: %v", port, err)
			}
		}
		return nil
	})
}

// What cannot be noted is not attached: nobody would know it for ours.
func TestWhatCannotBeNotedIsNotAttached(t *testing.T) {
	box(t, func(g outguard.Guard) error {
		g.File = filepath.Join(t.TempDir(), "nowhere", "guard")
		if err := g.Attach(); err == nil {
			t.Error("attached without a note")
		}
		for _, name := range []string{"up0", "port-a", "br-cam"} {
			if ids, err := outguard.Attached(index(name), outguard.AtEgress); err != nil || len(ids) > 0 {
				t.Errorf("programs %v on %s: %v", ids, name, err)
			}
		}
		if out, err := exec.Command("ip", "link", "show", "br-cam").Output(); err != nil || strings.Contains(string(out), "xdp") {
			t.Errorf("%s, %v", out, err)
		}
		return nil
	})
}

// Another's programs stay where they are, behind ours, and its XDP program on the
// bridge is not ours to replace.
func TestOthersProgramsAreLeftAlone(t *testing.T) {
	box(t, func(g outguard.Guard) error {
		other, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "others", Type: ebpf.SchedCLS, Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, -1), asm.Return()}})
		if err != nil {
			return err
		}
		defer other.Close()
		if err := link.RawAttachProgram(link.RawAttachProgramOptions{Target: index("up0"), Program: other, Attach: outguard.AtEgress}); err != nil {
			return err
		}
		if err := g.Attach(); err != nil {
			return err
		}
		ids, err := outguard.Attached(index("up0"), outguard.AtEgress)
		if err != nil || len(ids) != 2 || ids[0] != outguard.Noted(g.File)[0] {
			t.Errorf("programs %v: %v", ids, err)
		}
		if err := g.Remove(); err != nil {
			return err
		}
		if ids, err := outguard.Attached(index("up0"), outguard.AtEgress); err != nil || len(ids) != 1 {
			t.Errorf("after Remove programs %v: %v", ids, err)
		}
		return nil
	})
}

// A note that is none of this boot's, or none at all, says that nothing is attached.
func TestADamagedNoteSaysNothing(t *testing.T) {
	box(t, func(g outguard.Guard) error {
		for _, text := range []string{"", "{", `{"boot":"another","out":7,"in":8,"hold":9}`, strings.Repeat(" ", 1<<17)} {
			if err := os.WriteFile(g.File, []byte(text), 0o600); err != nil {
				return err
			}
			if missing, err := g.Check(); err != nil || len(missing) != 1 {
				t.Errorf("%.20q: missing %q, %v", text, missing, err)
			}
		}
		return nil
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sh(script string) error {
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", script, err, out)
	}
	return nil
}

func index(name string) int {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0
	}
	return i.Index
}

func detach(name string, at ebpf.AttachType) error {
	ids, err := outguard.Attached(index(name), at)
	for _, id := range ids {
		p, bad := ebpf.NewProgramFromID(ebpf.ProgramID(id))
		if bad != nil {
			return bad
		}
		err = errors.Join(err, link.RawDetachProgram(link.RawDetachProgramOptions{Target: index(name), Program: p, Attach: at}), p.Close())
	}
	return err
}

const tag = "stockade-guard"

// outside sends n rounds of camera A's frames, to the box and past it, and counts
// what of them arrives behind the uplink.
func outside(n int) (arrived int, err error) {
	saw, err := raw("out0")
	if err != nil {
		return 0, err
	}
	defer unix.Close(saw)
	cam, err := raw("cam-a")
	if err != nil {
		return 0, err
	}
	defer unix.Close(cam)
	for range n {
		for _, f := range frames() {
			if _, err := unix.Write(cam, f); err != nil {
				return 0, err
			}
		}
	}
	buf := make([]byte, 2048)
	for quiet := time.Now(); time.Since(quiet) < 200*time.Millisecond; {
		k, _, err := unix.Recvfrom(saw, buf, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			time.Sleep(time.Millisecond)
		case err != nil:
			return 0, err
		default:
			quiet = time.Now()
			if strings.Contains(string(buf[:k]), tag) {
				arrived++
			}
		}
	}
	return arrived, nil
}

// answered tells whether the box still answers a camera: what it makes itself passes.
func answered() error {
	cam, err := raw("cam-a")
	if err != nil {
		return err
	}
	defer unix.Close(cam)
	echo := ipv4("10.20.1.11", "10.20.0.1", 1, icmpEcho())
	buf := make([]byte, 2048)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if err := sh("ip neigh replace 10.20.1.11 lladdr 02:00:00:00:00:1a dev br-cam"); err != nil {
			return err
		}
		if _, err := unix.Write(cam, frame("02:5a:0a:14:00:01", unix.ETH_P_IP, echo)); err != nil {
			return err
		}
		for {
			k, _, err := unix.Recvfrom(cam, buf, unix.MSG_DONTWAIT)
			if err != nil {
				break
			}
			if k > 34 && buf[23] == 1 && buf[34] == 0 { // echo reply
				return nil
			}
		}
	}
	return errors.New("the box answers no camera any more")
}

func raw(name string) (int, error) {
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		return 0, err
	}
	return fd, errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index(name)}))
}

// frames are one of each kind: to the box for it to route, to the port's own MAC
// for what another interface is to take for its own, and of no protocol.
func frames() [][]byte {
	return [][]byte{
		frame("02:5a:0a:14:00:01", unix.ETH_P_IP, ipv4("10.20.1.11", "203.0.113.5", 17, udp())),
		frame("02:5a:0a:14:00:01", unix.ETH_P_IPV6, ipv6("fd00:20::11", "2001:db8:113::5", udp())),
		frame("02:00:00:00:02:1a", unix.ETH_P_IP, ipv4("10.20.1.11", "203.0.113.5", 17, udp())),
		frame("ff:ff:ff:ff:ff:ff", 0x88b5, []byte(tag)),
	}
}

func frame(to string, kind uint16, payload []byte) []byte {
	dst, _ := net.ParseMAC(to)
	f := append(dst, 2, 0, 0, 0, 0, 0x1a)
	return append(binary.BigEndian.AppendUint16(f, kind), payload...)
}

func udp() []byte {
	h := []byte{0x10, 0, 0x7d, 0x64, 0, 0, 0, 0} // to port 32100, no checksum
	binary.BigEndian.PutUint16(h[4:], uint16(8+len(tag)))
	return append(h, tag...)
}

func icmpEcho() []byte {
	m := []byte{8, 0, 0, 0, 0, 1, 0, 1}
	binary.BigEndian.PutUint16(m[2:], checksum(m))
	return m
}

func ipv4(src, dst string, proto byte, payload []byte) []byte {
	h := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, proto, 0, 0}
	h = append(append(h, net.ParseIP(src).To4()...), net.ParseIP(dst).To4()...)
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)+len(payload)))
	binary.BigEndian.PutUint16(h[10:], checksum(h))
	return append(h, payload...)
}

func ipv6(src, dst string, payload []byte) []byte {
	h := []byte{0x60, 0, 0, 0, 0, 0, 17, 64}
	binary.BigEndian.PutUint16(h[4:], uint16(len(payload)))
	h = append(append(h, net.ParseIP(src)...), net.ParseIP(dst)...)
	return append(h, payload...)
}

func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
