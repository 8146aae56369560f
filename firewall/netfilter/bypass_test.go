package netfilter_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/netfilter"
)

// xdpVariable tells the child, which may load no program, by which descriptor it has one.
const xdpVariable = "STOCKADE_TEST_XDP"

// bequeathXDP loads the shortest XDP program there is, which passes every frame,
// for the child in its user namespace: there a program can be attached, but not
// loaded. Where this process may not load one either, the child is told nothing.
func bequeathXDP() {
	// r0 = XDP_PASS; exit: struct bpf_insn of linux/bpf.h, on machines that begin with the low byte.
	code := [16]byte{0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95}
	license := [4]byte{'G', 'P', 'L'}
	attr := struct {
		kind, count   uint32
		code, license uintptr
		_             [12]uint64
	}{kind: unix.BPF_PROG_TYPE_XDP, count: 2, code: uintptr(unsafe.Pointer(&code)), license: uintptr(unsafe.Pointer(&license))}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return
	}
	const high = 200 // out of the way of what starting a process needs; without close-on-exec
	if to, err := unix.FcntlInt(fd, unix.F_DUPFD, high); err == nil {
		os.Setenv(xdpVariable, strconv.Itoa(to))
	}
}

func attachXDP(t *testing.T, name string, fd int) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetXdpFdWithFlags(link, fd, nl.XDP_FLAGS_SKB_MODE); err != nil {
		t.Fatal(err)
	}
}

// C3: what sees frames before the rules do keeps a port from being taken. Where
// it comes later, the port goes down, it is named with the command that removes
// it, and the port comes up again once it is gone.
func TestWhatPassesByTheRules(t *testing.T) {
	run := func(command string) func(*testing.T) { return func(t *testing.T) { shell(t, command) } }
	type intruder struct {
		name     string
		put, off func(*testing.T)
		says     string
		passes   bool
	}
	list := []intruder{
		{
			"tc redirect", run("ip link add up0 type veth peer name up0x; tc qdisc add dev p1 clsact; tc filter add dev p1 ingress protocol all u32 match u32 0 0 action mirred egress redirect dev up0"),
			run("tc filter del dev p1 ingress; ip link del up0"), "L1: tc ingress filter u32 on p1; remove it: tc filter del dev p1 ingress", true,
		},
		{
			"tc redirect of a shared block", run("ip link add up0 type veth peer name up0x; tc qdisc add dev p1 ingress_block 7 clsact; tc filter add block 7 protocol all u32 match u32 0 0 action mirred egress redirect dev up0"),
			run("tc qdisc del dev p1 clsact; ip link del up0"), "L1: tc ingress filter u32 on p1", true,
		},
		{
			"nft copying IPv6 before our rules", run("nft add table ip6 evil '{ chain a { type filter hook prerouting priority raw; jump b; }; chain b { dup to fd00::1; }; }'"),
			run("nft delete table ip6 evil"), "L1: chain ip6 evil a, which copies packets before our rules on br-cam; remove it: nft delete chain ip6 evil a", true,
		},
		{
			"tc of outgoing frames", run("tc qdisc add dev p1 clsact; tc filter add dev p1 egress protocol all u32 match u32 0 0 flowid 1:1"),
			run("tc qdisc del dev p1 clsact"), "L1: tc egress filter u32 on p1", false,
		},
		{
			"nft forwarding at ingress", run("ip link add up0 type veth peer name up0x; nft add table netdev evil '{ chain c { type filter hook ingress device p1 priority 0; fwd to up0; }; }'"),
			run("nft delete table netdev evil; ip link del up0"), "L1: chain netdev evil c on p1; remove it: nft delete chain netdev evil c", true,
		},
		{
			"nft at the bridge's ingress", run("nft add table inet evil '{ chain c { type filter hook ingress device br-cam priority 0; }; }'"),
			run("nft delete table inet evil"), "L1: chain inet evil c on br-cam; remove it: nft delete chain inet evil c", true,
		},
	}
	if fd, err := strconv.Atoi(os.Getenv(xdpVariable)); err == nil {
		list = append(list, intruder{
			"XDP", func(t *testing.T) { attachXDP(t, "p1", fd) }, func(t *testing.T) { attachXDP(t, "p1", -1) }, "L1: XDP program ", true,
		})
	} else {
		t.Log("this system lets nobody but root outside of user namespaces load a program: XDP is not among what follows")
	}
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			ports(t)
			k := kernel(t, "")
			apply(t, k, site(t, 2))
			c.put(t)
			f := findings(t, k)
			if len(f) != 1 || !strings.HasPrefix(f[0], c.says) {
				t.Fatalf("found %q, want %q", f, c.says)
			}
			if err := k.Repair(context.Background()); err != nil {
				t.Fatal(err)
			}
			if up(t, "p1") == c.passes {
				t.Errorf("the port is up: %t", up(t, "p1"))
			}
			if again := findings(t, k); !slices.Equal(again, f) {
				t.Errorf("then found %q, want %q", again, f)
			}
			if err := kernel(t, "").Apply(context.Background(), site(t, 2)); !errors.Is(err, netfilter.ErrPort) {
				t.Errorf("arming goes on: %v", err)
			}
			c.off(t)
			if err := k.Repair(context.Background()); err != nil {
				t.Fatal(err)
			}
			if f := findings(t, k); len(f) != 0 || !up(t, "p1") || !up(t, "p2") {
				t.Errorf("gone again: found %q, up %t", f, up(t, "p1"))
			}
		})
	}
}
