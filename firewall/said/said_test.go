package said_test

import (
	"crypto/tls"
	"encoding/hex"
	"net"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/stockade-nvr/stockade/firewall/said"
)

const (
	tcp = 6
	udp = 17
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// hello is what crypto/tls sends first for a name.
func hello(t testing.TB, name string) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = tls.Client(ours, &tls.Config{ServerName: name, InsecureSkipVerify: true}).Handshake() //nolint:gosec // nobody answers
	}()
	b := make([]byte, 4096)
	n, err := theirs.Read(b)
	must(t, err)
	must(t, theirs.Close())
	<-done
	return b[:n]
}

// asking packs a question.
func asking(t testing.TB, name string, kinds ...uint16) []byte {
	t.Helper()
	m := new(dns.Msg)
	for _, k := range kinds {
		m.Question = append(m.Question, dns.Question{Name: dns.Fqdn(name), Qtype: k, Qclass: dns.ClassINET})
	}
	m.Compress = true
	m.SetEdns0(1232, false)
	b, err := m.Pack()
	must(t, err)
	return b
}

// initial is the client's packet of RFC 9001, appendix A.2, as far as a blocked
// one is kept.
const initial = "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11" +
	"d242b123dc9bd8bab936b47d92ec356c0bab7df5976d27cd449f63300099f399" +
	"1c260ec4c60d17b31f8429157bb35a1282a643a8d2262cad67500cadb8e7378c" +
	"8eb7539ec4d4905fed1bee1fc8aafba17c750e2c7ace01e6005f80fcb7df6212" +
	"30c83711b39343fa028cea7f7fb5ff89eac2308249a02252155e2347b63d58c5" +
	"457afd84d05dfffdb20392844ae812154682e9cf012f9021a6f0be17ddd0c208"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	must(t, err)
	return b
}

// datagramHello is a DTLS 1.2 hello with a cookie and a server name.
const datagramHello = "16 feff 0000 000000000000 004d 01 000041 0000 000000 000041 fefd" +
	"0000000000000000000000000000000000000000000000000000000000000000" +
	"00 02 abcd 0002 c02b 0100 0013 0000 000b 0009 00 0006 702e 7465 7374 0017 0000"

func TestNames(t *testing.T) {
	long := strings.Repeat(strings.Repeat("a", 63)+".", 3) + strings.Repeat("b", 57) + ".ex"
	for _, c := range []struct {
		name     string
		protocol uint8
		port     uint16
		body     []byte
		want     []said.Name
	}{
		{"tls", tcp, 443, hello(t, "dev.cloud.example"), []said.Name{{By: said.TLS, Name: "dev.cloud.example"}}},
		{"tls on any port", tcp, 8666, hello(t, "dev.cloud.example"), []said.Name{{By: said.TLS, Name: "dev.cloud.example"}}},
		{"tls to an address says none", tcp, 443, hello(t, "198.51.100.7"), nil},
		{"tls over udp", udp, 5684, unhex(t, datagramHello), []said.Name{{By: said.TLS, Name: "p.test"}}},
		{"tls of before there were names", tcp, 443, unhex(t, "807d01030100540000002000003900"), nil},
		{"quic", udp, 443, unhex(t, initial), []said.Name{{By: said.QUIC, Name: "example.com"}}},
		{"quic of another version", udp, 443, unhex(t, strings.Replace(initial, "c000000001", "c0ff00001d", 1)), nil},
		{"quic, another kind of packet", udp, 443, unhex(t, strings.Replace(initial, "c0", "d0", 1)), nil},
		{"quic, another secret", udp, 443, unhex(t, strings.Replace(initial, "8394c8", "8394c9", 1)), nil},
		{"http", tcp, 80, []byte("POST /getcfg HTTP/1.1\r\nHost: Log.Cloud.example\r\nContent-Length: 2\r\n\r\n{}"), []said.Name{{said.HTTP, "log.cloud.example", "POST /getcfg HTTP/1.1"}}},
		{"http asks a proxy", tcp, 8086, []byte("POST http://cfg.cloud.example:8086/ HTTP/1.1\r\nAccept: */*\r\n\r\n"), []said.Name{{said.HTTP, "cfg.cloud.example", "POST http://cfg.cloud.example:8086/ HTTP/1.1"}}},
		{"http, host with a port", tcp, 80, []byte("GET / HTTP/1.0\nhost:[2001:db8::1]:8080\n\n"), []said.Name{{said.HTTP, "2001:db8::1", "GET / HTTP/1.0"}}},
		{"http, method cut off by whoever wrote it down", tcp, 80, []byte("/list HTTP/1.1\r\nHost: 203.0.113.9\r\n"), []said.Name{{said.HTTP, "203.0.113.9", "/list HTTP/1.1"}}},
		{"http, host cut off", tcp, 80, []byte("GET / HTTP/1.1\r\nHost: log.clo"), []said.Name{{said.HTTP, "", "GET / HTTP/1.1"}}},
		{"http, line cut off", tcp, 80, []byte("GET /some/path?with=que"), []said.Name{{said.HTTP, "", "GET /some/path?with=que"}}},
		{"host behind the headers is none", tcp, 80, []byte("GET / HTTP/1.1\r\n\r\nHost: body.example\r\n"), []said.Name{{said.HTTP, "", "GET / HTTP/1.1"}}},
		{"not http", tcp, 80, []byte("EHLO mail.example\r\nHost: x\r\n"), nil},
		{"ssdp is no http", udp, 1900, []byte("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n"), nil},
		{"dns", udp, 53, asking(t, "P2P.Cloud.example", 1), []said.Name{{said.DNS, "p2p.cloud.example", "A"}}},
		{"dns over tcp", tcp, 53, append([]byte{0, 40}, asking(t, "p2p.cloud.example", 28)...), []said.Name{{said.DNS, "p2p.cloud.example", "AAAA"}}},
		{"dns, an odd type", udp, 53, asking(t, "p2p.cloud.example", 4711), []said.Name{{said.DNS, "p2p.cloud.example", "TYPE4711"}}},
		{"dns, two questions, one compressed", udp, 5353, asking(t, "cam.local", 12, 28), []said.Name{{said.DNS, "cam.local", "PTR"}, {said.DNS, "cam.local", "AAAA"}}},
		{"dns, the longest name", udp, 53, asking(t, long, 1), []said.Name{{said.DNS, long, "A"}}},
		{"dns elsewhere", udp, 5300, asking(t, "p2p.cloud.example", 1), nil},
		{"an answer", udp, 5353, []byte("\x00\x00\x84\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01x\x00\x00\x01\x00\x01"), nil},
		{"dns for the root", udp, 53, []byte("\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"), nil},
		{"dns, pointer to itself", udp, 53, []byte("\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"), nil},
		{"dns, label beyond the end", udp, 53, []byte("\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x3fabc"), nil},
		{"nothing", tcp, 443, nil, nil},
		{"another protocol", 132, 443, hello(t, "dev.cloud.example"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, said.Names(c.protocol, c.port, c.body)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestHostileNamesAreText(t *testing.T) {
	q := func(label string) []byte {
		return []byte("\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + string(rune(len(label))) + label + "\x00\x00\x01\x00\x01")
	}
	for _, c := range []struct {
		protocol uint8
		body     []byte
		want     string
	}{
		{udp, q("a\x1b[2Jb"), `a\027[2jb`},
		{udp, q("a.b"), `a\046b`},
		{udp, q(`a\b`), `a\092b`},
		{udp, q("a\u202eb"), `a\226\128\174b`},
		{udp, q("카메라"), "카메라"},
		{udp, q("\xff\xfe"), `\255\254`},
		{tcp, []byte("GET / HTTP/1.1\r\nHost: a\x07\"><script>\r\n\r\n"), `a\007"><script>`},
		{tcp, []byte("GET / HTTP/1.1\r\nHost: " + strings.Repeat("\x01", 200) + "\r\n\r\n"), strings.Repeat(`\001`, 63)},
	} {
		got := said.Names(c.protocol, 53, c.body)
		if c.protocol == tcp {
			got = said.Names(c.protocol, 80, c.body)
		}
		if len(got) != 1 || got[0].Name != c.want {
			t.Errorf("%q: got %q, want %q", c.body, got, c.want)
		}
	}
}

// What is cut off gives the whole name or none: never the beginning of it.
func TestCutOffAnywhere(t *testing.T) {
	for _, c := range []struct {
		name     string
		protocol uint8
		port     uint16
		body     []byte
		want     string
	}{
		{"tls", tcp, 443, hello(t, "dev.cloud.example"), "dev.cloud.example"},
		{"tls over udp", udp, 5684, unhex(t, datagramHello), "p.test"},
		{"quic", udp, 443, unhex(t, initial), "example.com"},
		{"dns", udp, 53, asking(t, "p2p.cloud.example", 1), "p2p.cloud.example"},
		{"http", tcp, 80, []byte("GET http://dev.cloud.example/x HTTP/1.1\r\nHost: dev.cloud.example\r\n\r\n"), "dev.cloud.example"},
	} {
		found := 0
		for n := range c.body {
			for _, name := range said.Names(c.protocol, c.port, c.body[:n]) {
				switch name.Name {
				case c.want:
					found++
				case "":
				default:
					t.Errorf("%s cut off at %d says %q", c.name, n, name.Name)
				}
			}
		}
		if found == 0 {
			t.Errorf("%s says its name only when whole", c.name)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add(uint8(tcp), uint16(443), hello(f, "dev.cloud.example"))
	f.Add(uint8(udp), uint16(443), unhex(f, initial))
	f.Add(uint8(udp), uint16(5684), unhex(f, datagramHello))
	f.Add(uint8(udp), uint16(53), asking(f, "p2p.cloud.example", 1, 28))
	f.Add(uint8(tcp), uint16(53), append([]byte{0, 40}, asking(f, "p2p.cloud.example", 28)...))
	f.Add(uint8(tcp), uint16(80), []byte("POST http://a.example/ HTTP/1.1\r\nHost: b.example:80\r\n\r\n"))
	f.Fuzz(func(t *testing.T, protocol uint8, port uint16, body []byte) {
		names := said.Names(protocol, port, body)
		if len(names) > said.MaxNames {
			t.Fatalf("%d names", len(names))
		}
		for _, n := range names {
			for _, s := range []string{n.Name, n.Detail} {
				if len(s) > 4*said.MaxName || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Fatalf("%q is no text", s)
				}
			}
		}
	})
}

func BenchmarkNames(b *testing.B) {
	for name, body := range map[string][]byte{"quic": unhex(b, initial), "tls": hello(b, "dev.cloud.example"), "noise": []byte(strings.Repeat("x", 280))} {
		protocol := uint8(udp)
		if name == "tls" {
			protocol = tcp
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				said.Names(protocol, 443, body)
			}
		})
	}
}
