package netfilter_test

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/netfilter"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

const (
	costDevices = 1300
	costPackets = 1000 // a round
	costRounds  = 300
)

// BenchmarkPacketCost is what the whole ruleset, with 1,300 devices, costs a
// packet of a camera: one of its video that is accepted, and one to the outside
// that is dropped, with and without somebody who reads the log. All against the same packet through the same
// bridge with empty chains in the same tables: about 4x is the aim. What putting a
// frame on the wire costs is measured apart and taken off both.
func BenchmarkPacketCost(b *testing.B) {
	for _, backend := range []string{"nft", "legacy"} {
		b.Run(backend, func(b *testing.B) {
			for b.Loop() {
				comparePackets(b, backend)
			}
		})
	}
}

func comparePackets(b *testing.B, backend string) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ports(b)
	rs := site(b, costDevices)
	k := kernel(b, backend)
	apply(b, k, rs)
	shell(b, "ip link set p1x up; ip link set p2x up")
	camera := rs.Neighbours[0]
	c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 20, 0, 1), Port: 50000}, &net.UDPAddr{IP: camera.IP.AsSlice(), Port: 6000})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	w := plug(b, "p1x")
	video := frame(rs.Link.MAC, camera.MAC, unix.ETH_P_IP, datagram(camera.IP.String(), "10.20.0.1", 6000, 50000, 1200))
	stray := frame(rs.Link.MAC, camera.MAC, unix.ETH_P_IP, datagram(camera.IP.String(), "203.0.113.5", 6000, 50000, 1200))
	if _, err := c.Write([]byte("punch")); err != nil { // as gortsplib does before PLAY
		b.Fatal(err)
	}
	arrives(b, c, w, video)
	accepted, denied := w.cost(b, video), w.cost(b, stray)
	ctx, cancel := context.WithCancel(b.Context())
	reader := nflog.New(nflog.Options{Group: ruleset.LogGroup, Handle: func(*nflog.Hit) {}})
	ended := make(chan error, 1)
	go func() { ended <- reader.Run(ctx) }()
	<-reader.Ready()
	logged := w.cost(b, stray)
	cancel()
	if err := <-ended; err != nil || reader.Stats().Read == 0 {
		b.Fatalf("the log was not read: %v", err)
	}
	before := egress(verify(b, k))
	w.send(b, stray)
	if egress(verify(b, k)) != before+1 {
		b.Fatal("the stray packet was not dropped where it should: the figure is of something else")
	}
	if err := k.Remove(b.Context(), rs.Link); err != nil {
		b.Fatal(err)
	}
	for table, chains := range map[string]string{"raw": "PREROUTING", "mangle": "PREROUTING", "nat": "PREROUTING", "filter": "INPUT"} {
		shell(b, fmt.Sprintf("iptables-%s -t %s -F %s", backend, table, chains))
	}
	arrives(b, c, w, video)
	plain, strayed := w.cost(b, video), w.cost(b, stray)
	shell(b, "ip link set p1 down")
	wire := w.cost(b, video)
	for name, pair := range map[string][2]time.Duration{"accepted": {accepted, plain}, "denied": {denied, strayed}, "logged": {logged, strayed}} {
		b.ReportMetric(float64(pair[0]-wire)/float64(plain-wire), name+"-x")
		b.ReportMetric(float64((pair[0]-wire).Nanoseconds())/costPackets, name+"-ns")
	}
	b.ReportMetric(float64((plain-wire).Nanoseconds())/costPackets, "empty-ns")
	b.ReportMetric(float64(wire.Nanoseconds())/costPackets, "wire-ns")
	b.ReportMetric(0, "ns/op")
}

// cost is the least of several rounds: whatever else the machine does only adds.
func (w wire) cost(b *testing.B, f []byte) time.Duration {
	b.Helper()
	least := time.Hour
	for range costRounds {
		began := time.Now()
		for range costPackets {
			// With the port down there is nobody to take it: that is the figure's sense.
			_, _ = unix.Write(int(w), f)
		}
		least = min(least, time.Since(began))
	}
	return least
}

// arrives sees to it that a frame reaches a socket.
func arrives(b *testing.B, c *net.UDPConn, w wire, f []byte) {
	b.Helper()
	room := make([]byte, 2000)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		w.send(b, f)
		if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			b.Fatal(err)
		}
		if n, err := c.Read(room); err == nil && n == 1200 {
			return
		}
	}
	out, _ := exec.Command("sh", "-c", "ip -br addr; iptables-save -c | grep -v '\\[0:0\\]'").CombinedOutput() // says what it can
	b.Fatalf("video does not arrive:\n%s", out)
}

// egress is what was dropped on its way to the outside.
func egress(r netfilter.Report) uint64 { return r.Dropped["raw-egress"] }
