package outputs_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/outputs"
)

// cameraSide is where nobody is dialled.
var cameraSide = []netip.Prefix{netip.MustParsePrefix("10.20.0.1/16")}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never came that " + what)
		}
	}
}

// fill is a journal that runs.
func fill(t *testing.T) *journal.Journal {
	t.Helper()
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal.db"), journal.Options{
		Identify: func(mac nflog.MAC, _ netip.Addr) journal.Owner {
			return journal.Owner{Device: fmt.Sprintf("dev-%d", mac[5])}
		},
	})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	t.Cleanup(func() { cancel(); must(t, <-done); must(t, j.Close()) })
	return j
}

// try adds an attempt to the n-th destination. Each device has few enough of them
// not to be a scan.
func try(j *journal.Journal, n int) {
	tryAs(j, byte(n/50), n)
}

func tryAs(j *journal.Journal, device byte, n int) {
	packet := append([]byte{0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0}, 10, 20, 1, device, 198, 51, byte(n>>8), byte(n))
	packet = append(packet, 0x9c, 0x40, 1, 187)
	j.Add(&nflog.Hit{
		Time: time.Now(), Prefix: nflog.Prefix{Layer: "L3", Reason: nflog.Egress, Rule: "raw-egress", Revision: "g1"}, Port: "cam1",
		SrcMAC: nflog.MAC{2, 0, 0, 0, 0, device}, EtherType: 0x0800, Family: 4, Protocol: 6, Src: netip.AddrFrom4([4]byte{10, 20, 1, device}),
		Dst: netip.AddrFrom4([4]byte{198, 51, byte(n >> 8), byte(n)}), SrcPort: 40000, DstPort: 443, Length: 40, Payload: packet,
	})
}

// serve runs outputs to one target.
func serve(t *testing.T, state string, j outputs.Source, target outputs.Target) (o *outputs.Outputs, end func()) {
	t.Helper()
	o = outputs.New(outputs.Options{
		Source: j, Version: "1", Host: "box", StateDir: state,
		Situation: func() outputs.Situation { return outputs.Situation{State: "enforced"} },
	})
	o.Set([]outputs.Target{target}, cameraSide)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	end = sync.OnceFunc(func() { cancel(); must(t, <-done) })
	t.Cleanup(end)
	return o, end
}

// receiver keeps what it reads.
type receiver struct {
	net.Listener

	mu    sync.Mutex // guards what follows
	conns []net.Conn
	heard []string
}

func listenAt(t *testing.T, address string) *receiver {
	t.Helper()
	l, err := net.Listen("tcp", address) //nolint:noctx // of a test
	must(t, err)
	r := &receiver{Listener: l}
	t.Cleanup(r.kill)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns = append(r.conns, c)
			r.mu.Unlock()
			go r.read(c)
		}
	}()
	return r
}

// read takes octet-counted messages.
func (r *receiver) read(c net.Conn) {
	in := bufio.NewReader(c)
	for {
		count, err := in.ReadString(' ')
		n, bad := strconv.Atoi(strings.TrimSpace(count))
		if err != nil || bad != nil {
			return
		}
		m := make([]byte, n)
		if _, err := io.ReadFull(in, m); err != nil {
			return
		}
		r.mu.Lock()
		r.heard = append(r.heard, string(m))
		r.mu.Unlock()
	}
}

func (r *receiver) kill() {
	_ = r.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.Close()
	}
}

// destinations are those of the attempts that were heard of.
func (r *receiver) destinations() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return destinations(r.heard)
}

func destinations(lines []string) map[string]int {
	all := map[string]int{}
	for _, m := range lines {
		var c struct {
			Path  string `json:"_path"`
			RespH string `json:"id.resp_h"`
		}
		if i := strings.IndexByte(m, '{'); i >= 0 && json.Unmarshal([]byte(m[i:]), &c) == nil && c.Path == "conn" {
			all[c.RespH]++
		}
	}
	return all
}

func TestAReceiverThatWasAwayMissesNothing(t *testing.T) {
	j, state := fill(t), t.TempDir()
	r := listenAt(t, "127.0.0.1:0")
	target := outputs.Target{ID: "siem", Address: r.Addr().String(), Format: outputs.Zeek}
	o, end := serve(t, state, j, target)
	eventually(t, "it is connected", func() bool { s := o.Status(); return len(s) == 1 && s[0].Connected })
	for n := range 40 {
		try(j, n)
	}
	eventually(t, "40 attempts are heard of", func() bool { return len(r.destinations()) == 40 })
	for to, times := range r.destinations() {
		if times != 1 {
			t.Errorf("%s was told %d times", to, times)
		}
	}
	r.kill()
	eventually(t, "its absence is said", func() bool { s := o.Status()[0]; return !s.Connected && s.Problem != "" })
	for n := range 1500 { // more than a page
		try(j, 100+n)
	}
	must(t, j.Flush())
	end() // it does not only live in memory
	r = listenAt(t, target.Address)
	serve(t, state, j, target)
	eventually(t, "1500 more are heard of", func() bool { d := r.destinations(); return len(d) >= 1500 })
	told := r.destinations()
	for n := range 1500 {
		if to := fmt.Sprintf("198.51.%d.%d", (100+n)>>8, (100+n)&255); told[to] == 0 {
			t.Fatalf("%s was never told", to)
		}
	}
}

// A scan is told as one, and as what it is: how many attempts it stands for, and all
// of their packets.
func TestAScanIsToldAsOne(t *testing.T) {
	j := fill(t)
	r := listenAt(t, "127.0.0.1:0")
	o, _ := serve(t, t.TempDir(), j, outputs.Target{ID: "siem", Address: r.Addr().String(), Format: outputs.Zeek})
	eventually(t, "it is connected", func() bool { s := o.Status(); return len(s) == 1 && s[0].Connected })
	for n := range 300 {
		tryAs(j, 7, n)
	}
	var scan struct {
		Scan        bool   `json:"scan"`
		Attempts    uint64 `json:"attempts"`
		OrigPackets uint64 `json:"orig_pkts"`
		RespH       string `json:"id.resp_h"`
	}
	eventually(t, "the scan is told", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, m := range r.heard {
			if i := strings.IndexByte(m, '{'); strings.Contains(m, `"scan":true`) && json.Unmarshal([]byte(m[i:]), &scan) == nil {
				return true
			}
		}
		return false
	})
	if scan.Attempts < 100 || scan.OrigPackets < scan.Attempts || scan.RespH != "" {
		t.Errorf("%+v", scan)
	}
}

// A receiver that takes nothing is left; nobody waits for it.
func TestAReceiverThatTakesNothingDelaysNobody(t *testing.T) {
	j := fill(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // of a test
	must(t, err)
	defer l.Close() // it accepts nothing, and the kernel's buffer is all there is
	good := listenAt(t, "127.0.0.1:0")
	o, _ := serve(t, t.TempDir(), j, outputs.Target{ID: "slow", Address: l.Addr().String(), Format: outputs.CEF})
	o.Set([]outputs.Target{
		{ID: "slow", Address: l.Addr().String(), Format: outputs.CEF}, {ID: "good", Address: good.Addr().String(), Format: outputs.Zeek},
	}, cameraSide)
	eventually(t, "both are connected", func() bool { s := o.Status(); return len(s) == 2 && s[0].Connected && s[1].Connected })
	for n := range 500 {
		begin := time.Now()
		try(j, n)
		if took := time.Since(begin); took > 5*time.Second {
			t.Fatalf("the journal took %s", took)
		}
	}
	eventually(t, "the other one hears of all", func() bool { return len(good.destinations()) == 500 })
}

func TestNobodyIsDialledWhoMayNotBe(t *testing.T) {
	talker, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // of a test
	must(t, err)
	defer talker.Close()
	go func() {
		for {
			c, err := talker.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(strings.Repeat("HTTP/1.1 400 Bad Request\r\n", 1000)))
		}
	}()
	for name, c := range map[string]struct{ address, want string }{
		"on the camera side": {"10.20.1.11:514", "camera side"},
		"mapped into IPv6":   {"[::ffff:10.20.1.11]:514", "camera side"},
		"one that talks":     {talker.Addr().String(), "talks back"},
	} {
		o, end := serve(t, "", fill(t), outputs.Target{ID: "siem", Address: c.address, Format: outputs.CEF})
		eventually(t, name+" is refused", func() bool { s := o.Status(); return len(s) == 1 && strings.Contains(s[0].Problem, c.want) })
		end()
	}
}
