package rtsp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// pieces is a connection that gives a stream in pieces of given sizes, in turn.
type pieces struct {
	net.Conn
	stream []byte
	sizes  []int
	reads  int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.stream) == 0 {
		return 0, io.EOF
	}
	size := len(p.stream)
	if len(p.sizes) > 0 {
		size = p.sizes[p.reads%len(p.sizes)]
		p.reads++
	}
	n := copy(b, p.stream[:min(max(size, 1), len(p.stream))])
	p.stream = p.stream[n:]
	return n, nil
}

func (p *pieces) Close() error { return nil }

// catcher is an outlet that keeps what it gets.
type catcher struct {
	packets []string // "track:payload"
	reports int
	fail    error
	last    counters
}

func (c *catcher) rtp(track int, packet []byte, _ time.Time, n *counters) error {
	h, payload, err := readRTP(packet)
	if err != nil {
		n.malformed++
		return nil
	}
	c.packets = append(c.packets, fmt.Sprintf("%d:%d:%s", track, h.Sequence, payload))
	return c.fail
}

func (c *catcher) rtcp(int, []byte, time.Time)      { c.reports++ }
func (c *catcher) publish(n *counters, _ time.Time) { c.last = *n }

func testTable() *channels {
	return &channels{
		0: {use: carriesRTP, track: 0, payloadType: 96}, 1: {use: carriesRTCP, track: 0},
		6: {use: carriesRTP, track: 1, payloadType: 97}, 7: {use: carriesRTCP, track: 1},
	}
}

func interleaved(channel byte, payload []byte) []byte {
	b := []byte{'$', channel, 0, 0}
	binary.BigEndian.PutUint16(b[2:], uint16(len(payload)))
	return append(b, payload...)
}

func packet(pt byte, seq uint16, ssrc uint32, payload string) []byte {
	b := []byte{0x80, pt, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return append(b, payload...)
}

var rtcpBytes = []byte{0x80, 200, 0, 1, 0, 0, 0, 9}

const (
	okResponse = "RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n"
	bodyText   = "RTSP/1.0 200 OK\r\nCSeq: 5\r\ncontent-length:  18\r\n\r\n$\x00\x00\x04$$$$ and more$"
	request    = "OPTIONS rtsp://127.0.0.1/x RTSP/1.0\r\nCSeq: 1\r\n\r\n"
)

// run pushes a stream through a demux and gives what gortsplib would read of
// it, without the headers that are forwarded.
func run(t testing.TB, stream []byte, sizes []int, c *catcher) (string, error) {
	t.Helper()
	d := newDemux(&pieces{stream: bytes.Clone(stream), sizes: sizes}, c)
	d.arm(testTable())
	d.forwarded = time.Now().Add(time.Hour) // none
	out, err := io.ReadAll(d)
	return string(out), err
}

// mixed is a stream with everything in it, and what must come of it.
func mixed() (stream []byte, packets []string, text string) {
	add := func(b ...[]byte) { stream = append(stream, bytes.Join(b, nil)...) }
	for i := range 6 {
		add(interleaved(0, packet(96, uint16(i), 7, fmt.Sprintf("v%d", i))))
		packets = append(packets, fmt.Sprintf("0:%d:v%d", i, i))
		switch i {
		case 0:
			add([]byte(okResponse))
		case 1:
			add(interleaved(1, rtcpBytes), interleaved(6, packet(97, 9, 8, "$audio$")))
			packets = append(packets, "1:9:$audio$")
		case 2:
			add([]byte(bodyText))
		case 3:
			add([]byte(request), interleaved(9, packet(99, 1, 1, "not ours")))
		case 4:
			add(interleaved(0, packet(100, 1, 7, "another payload type")), interleaved(1, rtcpBytes))
		}
	}
	return stream, packets, okResponse + bodyText + request
}

func TestDemuxSplitEverywhere(t *testing.T) {
	stream, packets, text := mixed()
	check := func(sizes ...int) {
		t.Helper()
		var c catcher
		out, err := run(t, stream, sizes, &c)
		if err != nil || out != text || strings.Join(c.packets, " ") != strings.Join(packets, " ") || c.reports != 2 || c.last.junk != 0 || c.last.other != 1 {
			t.Fatalf("split %v: %v\n%q\n%q\n%d reports, %+v", sizes, err, out, c.packets, c.reports, c.last)
		}
	}
	check()
	check(1)
	for at := 1; at < len(stream); at++ {
		check(at, len(stream)-at)
	}
	check(3, 1, 7, 2, 64)
}

func TestDemuxJunk(t *testing.T) {
	for name, junk := range map[string]string{
		"text":                 "hello, this is junk",
		"dollars":              "$$$$$$$$$$$$",
		"frame of no channel":  "$\x63\x00\x10not a packet here",
		"frame of ours, short": "$\x00\x00\x05abcde",
		"frame of ours, long":  "$\x00\xff\xffabcdefghijklmnop",
		"frame of ours, wrong": "$\x00\x02\x00\x80\x01abcdefghijklmnop",
		"zeros":                strings.Repeat("\x00", 500),
		"almost a response":    "RTSP/2.0 what",
		"almost a request":     "PLAY with me\r\n",
		"half a packet":        string(packet(96, 1, 7, "lost"))[5:],
		"empty frame":          "$\x00\x00\x00",
		"letters":              "RRRRGGGGSSSSTTTTAAAA",
	} {
		t.Run(name, func(t *testing.T) {
			var stream []byte
			var want []string
			for i := range 200 {
				stream = append(stream, interleaved(0, packet(96, uint16(i), 7, "video"))...)
				want = append(want, fmt.Sprintf("0:%d:video", i))
				if i%7 == 3 {
					stream = append(stream, junk...)
				}
				if i%50 == 20 {
					stream = append(stream, okResponse...)
				}
			}
			for _, sizes := range [][]int{nil, {1}, {100}} {
				var c catcher
				out, err := run(t, stream, sizes, &c)
				if err != nil || strings.Join(c.packets, " ") != strings.Join(want, " ") {
					t.Errorf("in pieces of %v: %v, %d packets of %d", sizes, err, len(c.packets), len(want))
				}
				if out != strings.Repeat(okResponse, 4) {
					t.Errorf("in pieces of %v: passed %q", sizes, out)
				}
			}
		})
	}
}

func TestDemuxLargestFrames(t *testing.T) {
	large := packet(96, 1, 7, strings.Repeat("x", 65535-12))
	var stream []byte
	for range 5 {
		stream = append(stream, interleaved(0, large)...)
		stream = append(stream, okResponse...)
	}
	for _, sizes := range [][]int{nil, {1000}, {40000}} {
		var c catcher
		out, err := run(t, stream, sizes, &c)
		if err != nil || len(c.packets) != 5 || out != strings.Repeat(okResponse, 5) {
			t.Errorf("in pieces of %v: %v, %d packets, %d bytes of text", sizes, err, len(c.packets), len(out))
		}
	}
}

// TestDemuxSourceChange: a source that changes is found again after junk, too.
func TestDemuxSourceChange(t *testing.T) {
	stream := interleaved(0, packet(96, 1, 7, "a"))
	stream = append(stream, strings.Repeat("\x01", forgetSource+10)...)
	for range 3 {
		stream = append(stream, interleaved(0, packet(96, 2, 70, "b"))...)
	}
	var c catcher
	if _, err := run(t, stream, nil, &c); err != nil || len(c.packets) != 4 {
		t.Errorf("%v, %q", err, c.packets)
	}
}

func TestDemuxBeforeArmed(t *testing.T) {
	c := &catcher{}
	stream := append(interleaved(0, packet(96, 1, 7, "early")), okResponse...)
	d := newDemux(&pieces{stream: stream}, c)
	out, err := io.ReadAll(d)
	if err != nil || string(out) != okResponse || len(c.packets) != 0 {
		t.Errorf("%q, %v, %q", out, err, c.packets)
	}
}

// TestDemuxForward: gortsplib sees one header a second, numbered without gaps.
func TestDemuxForward(t *testing.T) {
	var stream []byte
	for i := range 3 {
		p := packet(96|0x80, uint16(100+50*i), 7, "payload")
		p[0] |= 0x20 | 0x01 // padding and a contributing source, which the copy must not claim
		stream = append(stream, interleaved(0, p)...)
	}
	c := &catcher{}
	d := newDemux(&pieces{stream: stream, sizes: []int{len(stream) / 3}}, c)
	d.arm(testTable())
	buf := make([]byte, 100)
	for i := range 3 {
		n, err := d.Read(buf)
		if err != nil || n != 4+rtpHeaderSize || buf[4] != 0x80 || binary.BigEndian.Uint16(buf[6:]) != uint16(i+1) {
			t.Fatalf("header %d: % x, %v", i, buf[:n], err)
		}
		d.forwarded = d.forwarded.Add(-forwardEvery)
	}
}

func TestDemuxErrorAndClose(t *testing.T) {
	stream := bytes.Repeat(interleaved(0, packet(96, 1, 7, "x")), 10)
	torn := errors.New("torn")
	c := &catcher{fail: torn}
	if _, err := run(t, stream, nil, c); !errors.Is(err, torn) || len(c.packets) != 1 {
		t.Errorf("%v after %d packets", err, len(c.packets))
	}
	d := newDemux(&pieces{stream: stream}, &catcher{})
	d.arm(testTable())
	_ = d.Close()
	if _, err := d.Read(make([]byte, 10)); !errors.Is(err, errDemuxClosed) {
		t.Errorf("read after Close: %v", err)
	}
}

// TestDemuxMemory: a header without end does not grow without end.
func TestDemuxMemory(t *testing.T) {
	stream := append([]byte("RTSP/1.0 200 OK\r\nX: "), bytes.Repeat([]byte("y"), 1<<20)...)
	d := newDemux(&pieces{stream: stream}, &catcher{})
	if out, err := io.ReadAll(d); err != nil || len(out) != 0 {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	if len(d.buf) > maxFrame+readBlock {
		t.Errorf("buffer of %d bytes", len(d.buf))
	}
}

// FuzzDemux: whatever comes, nothing panics, nothing is delivered twice, and
// the way it is split changes nothing.
func FuzzDemux(f *testing.F) {
	stream, _, _ := mixed()
	f.Add(stream, byte(1))
	f.Add([]byte(bodyText+"$\x00\x00\x0e"), byte(3))
	f.Add([]byte("$\x06\xff\xff"+string(packet(97, 1, 1, "x"))), byte(7))
	f.Add([]byte("DESCRIBE \r\nGET_PARAMETER x RTSP/1.0\r\n\r\nRTSP/1.0\r\ncontent-length: 99999999999\r\n\r\n"), byte(2))
	f.Fuzz(func(t *testing.T, stream []byte, size byte) {
		var whole, split catcher
		a, err := run(t, stream, nil, &whole)
		if err != nil {
			t.Fatal(err)
		}
		b, err := run(t, stream, []int{1 + int(size)}, &split)
		if err != nil {
			t.Fatal(err)
		}
		if a != b || strings.Join(whole.packets, " ") != strings.Join(split.packets, " ") || whole.reports != split.reports {
			t.Errorf("split changes the result: %q and %q, %q and %q", a, b, whole.packets, split.packets)
		}
		taken := len(a) + int(whole.last.junk)
		if taken > len(stream) {
			t.Errorf("%d bytes of %d", taken, len(stream))
		}
	})
}

func TestReadRTP(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		want string
		ok   bool
	}{
		"plain":              {packet(96, 1, 7, "abc"), "abc", true},
		"empty":              {packet(96, 1, 7, ""), "", true},
		"padded":             {append([]byte{0xa0}, packet(96, 1, 7, "abc\x00\x02")[1:]...), "abc", true},
		"padding of nothing": {append([]byte{0xa0}, packet(96, 1, 7, "abc\x00")[1:]...), "", false},
		"padding too long":   {append([]byte{0xa0}, packet(96, 1, 7, "abc\xff")[1:]...), "", false},
		"source list":        {append([]byte{0x81}, packet(96, 1, 7, "....abc")[1:]...), "abc", true},
		"source list short":  {append([]byte{0x8f}, packet(96, 1, 7, "....abc")[1:]...), "", false},
		"extension":          {append([]byte{0x90}, packet(96, 1, 7, "\xbe\xde\x00\x01....abc")[1:]...), "abc", true},
		"extension short":    {append([]byte{0x90}, packet(96, 1, 7, "\xbe\xde\xff\xff....abc")[1:]...), "", false},
		"extension cut":      {append([]byte{0x90}, packet(96, 1, 7, "\xbe")[1:]...), "", false},
		"version 1":          {append([]byte{0x40}, packet(96, 1, 7, "abc")[1:]...), "", false},
		"short":              {make([]byte, 11), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			h, payload, err := readRTP(c.b)
			if (err == nil) != c.ok || string(payload) != c.want {
				t.Errorf("%+v, %q, %v", h, payload, err)
			}
		})
	}
}

func TestNTPTime(t *testing.T) {
	for v, want := range map[uint64]string{
		0x83aa7e80_00000000: "1970-01-01T00:00:00Z",
		0x83aa7e80_80000000: "1970-01-01T00:00:00.5Z",
		0xffffffff_ffffffff: "2036-02-07T06:28:15.999999999Z",
		0x00000001_00000000: "2036-02-07T06:28:17Z", // the next era
	} {
		got, ok := ntpTime(v)
		if !ok || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%x: %v, want %s", v, got.Format(time.RFC3339Nano), want)
		}
	}
	if _, ok := ntpTime(0); ok {
		t.Error("zero is a time")
	}
}

func FuzzReports(f *testing.F) {
	f.Add(rtcpBytes)
	f.Add(append(bytes.Clone(rtcpBytes), 0x80, 200, 0, 6))
	f.Fuzz(func(_ *testing.T, b []byte) { readReports(b, func(report) {}) })
}
