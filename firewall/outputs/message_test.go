package outputs

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// The vectors are those of the specification's baseline.
func TestCommunityIDs(t *testing.T) {
	for _, c := range []struct {
		name               string
		protocol           byte
		from, to           string
		fromPort, destPort uint16
		want               string
	}{
		{"TCP", tcp, "128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{"TCP, other way", tcp, "66.35.250.204", "128.232.110.120", 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{"UDP", udp, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
		{"echo", icmp4, "192.168.0.89", "192.168.0.1", 0, 8 << 8, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
		{"mixed families", tcp, "192.168.0.1", "2001:db8::1", 1, 2, ""},
	} {
		f := flow{c.protocol, netip.MustParseAddr(c.from), netip.MustParseAddr(c.to), c.fromPort, c.destPort}
		if got := f.communityID(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func attemptTo(host string) event {
	at := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	return event{at: at, severity: notice, source: 40000, attempt: &journal.Attempt{
		ID: "a1", First: at, Last: at.Add(time.Second), Count: 3, Bytes: 180, Device: "dev-gate", Reason: "egress", Family: 4, Protocol: tcp,
		ProtocolName: "tcp", Source: netip.MustParseAddr("10.20.1.11"), Destination: netip.MustParseAddr("198.18.0.1"), DestinationPort: 443,
		Host: host, Layer: "L3", Rule: "pre-egress",
	}}
}

// split reads a frame as a receiver does, and gives its message.
func split(t *testing.T, frame string) string {
	t.Helper()
	count, rest, ok := strings.Cut(frame, " ")
	n, err := strconv.Atoi(count)
	if !ok || err != nil || n != len(rest) {
		t.Fatalf("a frame of %d bytes says %q", len(rest), count)
	}
	fields := strings.SplitN(rest, " ", 8)
	if len(fields) != 8 || !strings.HasPrefix(fields[0], "<") || !strings.HasSuffix(fields[0], ">1") || fields[6] != "-" {
		t.Fatalf("not a message of RFC 5424: %q", rest)
	}
	if _, err := time.Parse(time.RFC3339Nano, fields[1]); err != nil {
		t.Fatal(err)
	}
	return fields[7]
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == 0x2028 || r == 0x2029 })
}

func TestWhatADeviceSaysStaysInItsField(t *testing.T) {
	host := "a|b=c\\d\r\n<13>1 - evil dpt=1\x00\x1b\u2028\xff"
	cef := split(t, string(attemptTo(host).frame("box one", "1.0", CEF)))
	if hasControl(cef) || !strings.HasPrefix(cef, "CEF:0|Stockade|nvr|1.0|attempt:egress|") {
		t.Errorf("not one line of CEF: %q", cef)
	}
	if want := `dhost=a|b\=c\\d??<13>1 - evil dpt\=1????`; !strings.Contains(cef, want) {
		t.Errorf("no %q in %q", want, cef)
	}
	zeek := split(t, string(attemptTo(host).frame("", "1.0", Zeek)))
	var c map[string]any
	if err := json.Unmarshal([]byte(zeek), &c); err != nil || hasControl(zeek) {
		t.Fatalf("%v: %q", err, zeek)
	}
	if c["host"] != strings.ToValidUTF8(host, "\ufffd") || c["id.orig_p"] != 40000.0 || c["conn_state"] != "S0" || c["orig_pkts"] != 3.0 {
		t.Errorf("got %v", c)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add("cloud.example", "gate", []byte{0x45, 0})
	f.Add("a|b=\\\n\x7f\u0085", "\x00", []byte{0x60})
	f.Fuzz(func(t *testing.T, host, device string, packet []byte) {
		e := attemptTo(host)
		e.attempt.Device, e.source = device, sourcePort(packet)
		question := event{at: e.at, question: &journal.Question{Name: host, Device: device, Type: 28}}
		words := event{at: e.at, kind: "alarm", text: brief(host), state: device}
		for _, e := range []event{e, question, words} {
			if m := split(t, string(e.frame(host, "1", CEF))); hasControl(m) {
				t.Errorf("CEF has a control character: %q", m)
			}
			m := split(t, string(e.frame(host, "1", Zeek)))
			if !json.Valid([]byte(m)) || strings.ContainsAny(m, "\r\n\x00") {
				t.Errorf("not a line of JSON: %q", m)
			}
		}
	})
}

func TestSourcePortIsReadWhereThereIsOne(t *testing.T) {
	v4 := append([]byte{0x46, 0, 0, 0, 0, 0, 0, 0, 64, tcp}, make([]byte, 14)...)
	v4 = append(v4, 0x9c, 0x40, 1, 187)
	fragment := append([]byte{}, v4...)
	fragment[7] = 1
	v6 := append([]byte{0x60, 0, 0, 0, 0, 0, udp, 64}, make([]byte, 32)...)
	v6 = append(v6, 0x9c, 0x40, 0, 53)
	for name, c := range map[string]struct {
		packet []byte
		want   uint16
	}{
		"IPv4 with options": {v4, 40000}, "a later fragment": {fragment, 0}, "IPv6": {v6, 40000},
		"cut off": {v4[:25], 0}, "nothing": {nil, 0}, "ICMP": {append([]byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, icmp4}, make([]byte, 20)...), 0},
	} {
		if got := sourcePort(c.packet); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// A question that was answered here is not told as one that was blocked.
func TestWhatWasAnsweredHereIsNotToldAsBlocked(t *testing.T) {
	for reason, want := range map[nflog.Reason][3]string{
		nflog.Egress:     {`"action":"blocked"`, "act=blocked", "|Device's packets blocked|"},
		nflog.Redirected: {`"action":"redirected"`, "act=redirected", "|Device's question answered here|"},
	} {
		e := event{at: time.Now(), severity: notice, attempt: &journal.Attempt{Reason: reason}}
		if z, c := e.zeek(), e.cef("1"); !strings.Contains(z, want[0]) || !strings.Contains(c, want[1]) || !strings.Contains(c, want[2]) {
			t.Errorf("%s: %s\n%s", reason, z, c)
		}
	}
}

func TestTheWatcherSaysWhatChangedOnce(t *testing.T) {
	now := time.Now()
	var w watcher
	old := Change{First: now.Add(-time.Hour), Layer: "L3", Found: "a rule is gone", Done: "repaired"}
	if e := w.see(now, Situation{State: "enforced", Changes: []Change{old}}); len(e) != 1 || e[0].state != "enforced" {
		t.Fatalf("at first: %+v", e)
	}
	if e := w.see(now, Situation{State: "contained", Changes: []Change{old}}); len(e) != 1 || e[0].severity != notice {
		t.Fatalf("proved: %+v", e) // that all is well alarms nobody
	}
	fresh := Change{First: now, Layer: "L2", Found: "a rule is gone", Done: "repaired"}
	s := Situation{State: "degraded", Reasons: []string{"L2"}, Alarms: []string{"a note"}, Changes: []Change{fresh, old}}
	e := w.see(now, s)
	if len(e) != 3 || e[0].severity != alert || e[1].kind != "alarm" || !strings.HasPrefix(e[2].text, "L2: ") {
		t.Fatalf("then: %+v", e)
	}
	if e := w.see(now, s); len(e) != 0 {
		t.Fatalf("again: %+v", e)
	}
}
