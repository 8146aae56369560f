package media_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
)

// What a camera of a test sends: parameter sets of a baseline stream, and
// slices of which only the first bits are true.
var (
	sps, pps = unhex("6742c028d900780227e584000003000400000300f03c60c920"), unhex("68cb83cb20")
	idr      = []byte{0x65, 0x88, 1, 2, 3, 4}
	inter    = []byte{0x41, 0x9a, 5, 6, 7, 8}
	later    = []byte{0x41, 0x50, 9, 9} // a slice that is not the first of its picture

	startCode = []byte{0, 0, 1}
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// wire sends payloads packet by packet.
type wire struct {
	t     *testing.T
	a     *media.Assembler
	got   *collected
	track int
	h     media.RTPHeader
	at    time.Time
}

func newWire(t *testing.T, tracks ...media.Track) *wire {
	t.Helper()
	a, got := collect(media.AssemblerOptions{Tracks: tracks})
	return &wire{t: t, a: a, got: got, h: media.RTPHeader{SSRC: 7}, at: begin}
}

func (w *wire) send(marker bool, payloads ...[]byte) {
	w.t.Helper()
	for i, p := range payloads {
		w.h.Sequence++
		w.h.Marker = marker && i == len(payloads)-1
		if err := w.a.Packet(w.track, w.h, p, w.at); err != nil {
			w.t.Fatal(err)
		}
	}
}

// next goes to the next picture, a tenth of a second later.
func (w *wire) next() {
	w.h.Time += 9000
	w.at = w.at.Add(100 * time.Millisecond)
}

// want closes the run and compares its units with lists of NAL units.
func (w *wire) want(units ...[][]byte) {
	w.t.Helper()
	w.a.Close()
	if len(w.got.units) != len(units) {
		w.t.Fatalf("%d units, want %d; %v", len(w.got.units), len(units), w.got.errs)
	}
	for i, u := range w.got.units {
		if want := avcc(units[i]); !bytes.Equal(u.Payload[0], want) {
			w.t.Errorf("unit %d is % x, want % x", i, u.Payload[0], want)
		}
	}
	checkParts(w.t, w.got.parts, w.track)
}

func annex(nals ...[]byte) []byte {
	var b []byte
	for _, n := range nals {
		b = append(append(b, 0, 0, 0, 1), n...)
	}
	return b
}

// fragments cuts a NAL unit into FU-As.
func fragments(nal []byte, n int) [][]byte {
	var all [][]byte
	body := nal[1:]
	for i := 0; len(body) > 0; i++ {
		k := min(n, len(body))
		p := []byte{nal[0]&0xe0 | 28, nal[0] & 0x1f}
		if i == 0 {
			p[1] |= 0x80
		}
		if k == len(body) {
			p[1] |= 0x40
		}
		all = append(all, append(p, body[:k]...))
		body = body[k:]
	}
	return all
}

func TestQuirksOfCameras(t *testing.T) {
	start := [][]byte{sps, pps, idr}
	h264 := media.Track{Codec: media.H264, ClockRate: 90000}
	declared := media.Track{Codec: media.H264, ClockRate: 90000, SPS: sps, PPS: pps}
	tests := []struct {
		name  string
		track media.Track
		send  func(w *wire)
		want  [][][]byte
	}{
		{"parameter sets with time and marker of their own", h264, func(w *wire) {
			w.send(true, sps, pps)
			w.next()
			w.send(true, idr)
		}, [][][]byte{start}},
		{"parameter sets in the SDP only", declared, func(w *wire) { w.send(true, idr) }, [][][]byte{{idr}}},
		{"a byte stream in a packet", h264, func(w *wire) {
			w.send(true, annex(sps, pps, idr))
			w.next()
			w.send(true, annex(inter))
		}, [][][]byte{start, {inter}}},
		{"a byte stream without its first start code", h264, func(w *wire) {
			w.send(true, annex(sps, pps, idr)[4:])
			w.next()
			w.send(true, annex(inter, later)[4:])
		}, [][][]byte{start, {inter, later}}},
		{"a byte stream in fragments", h264, func(w *wire) {
			w.send(true, fragments(annex(sps, pps, idr)[4:], 11)...)
			w.next()
			w.send(true, fragments(annex(inter, later), 5)...)
			w.next()
			w.send(true, fragments(inter, 3)...)
		}, [][][]byte{start, {inter, later}, {inter}}},
		{"a byte stream in fragments, with short start codes", h264, func(w *wire) {
			// Each prefix is longer than its start code: the copy overtakes what it reads.
			stream := bytes.Join([][]byte{sps, pps, idr, later, later, later, later, later}, startCode)
			w.send(true, fragments(stream, 11)...)
		}, [][][]byte{{sps, pps, idr, later, later, later, later, later}}},
		{"a slice lost in the middle", declared, func(w *wire) {
			w.send(true, idr)
			w.next()
			w.send(false, inter)
			w.h.Sequence++
			w.send(true, later)
			w.next()
			w.send(true, inter)
		}, [][][]byte{{idr}, {inter}}},
		{"the last slice lost, and the next picture's first", declared, func(w *wire) {
			w.send(true, idr)
			w.next()
			w.send(false, inter)
			w.h.Sequence += 2
			w.next()
			w.send(true, later)
			w.next()
			w.send(true, inter)
		}, [][][]byte{{idr}, {inter}}},
		{"a fragment that is start and end", declared, func(w *wire) { w.send(true, fragments(idr, 100)...) }, [][][]byte{{idr}}},
		{"an aggregate with padding", declared, func(w *wire) {
			w.send(true, append(append([]byte{24, 0, byte(len(idr))}, idr...), 0, 0, 0))
		}, [][][]byte{{idr}}},
		{"one timestamp for two pictures, no markers", declared, func(w *wire) {
			w.send(false, idr, later, inter, later)
			w.next()
			w.send(false, inter)
			w.next()
			w.send(false, inter)
		}, [][][]byte{{idr, later}, {inter, later}, {inter}, {inter}}},
		{"a marker after each slice", declared, func(w *wire) {
			for _, first := range [][]byte{idr, inter, inter} {
				w.send(true, first)
				w.send(true, later)
				w.next()
			}
		}, [][][]byte{{idr}, {inter, later}, {inter, later}}}, // the first one shows it
		{"pictures before the first random access unit", declared, func(w *wire) {
			w.send(true, inter)
			w.next()
			w.send(true, idr)
		}, [][][]byte{{idr}}},
		{"joined in the middle of a picture", declared, func(w *wire) {
			w.send(true, fragments(idr, 2)[1:]...)
			w.next()
			w.send(true, idr)
		}, [][][]byte{{idr}}},
		{"a new count of sequence numbers", declared, func(w *wire) {
			w.send(true, idr)
			w.next()
			w.h.Sequence += 30000
			w.send(true, inter) // not believed yet
			w.next()
			w.send(true, inter)
			w.next()
			w.send(true, inter)
		}, [][][]byte{{idr}, {inter}, {inter}}},
		{"an empty packet with the marker", declared, func(w *wire) {
			w.send(false, idr)
			w.send(true, nil)
		}, [][][]byte{{idr}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWire(t, tt.track)
			tt.send(w)
			w.want(tt.want...)
		})
	}
}

func TestTwoFieldsAreOnePicture(t *testing.T) {
	b, err := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc=s=320x240:r=25", "-frames:v", "1", "-pix_fmt", "yuv420p",
		"-c:v", "libx264", "-flags", "+ildct+ilme", "-x264-params", "interlaced=1", "-f", "h264", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	var sets [][]byte
	for nal := range bytes.SplitSeq(b, []byte{0, 0, 1}) {
		if k := nal[0] & 0x1f; len(nal) > 1 && (k == 7 || k == 8) {
			sets = append(sets, bytes.TrimRight(nal, "\x00"))
		}
	}
	w := newWire(t, media.Track{Codec: media.H264, ClockRate: 90000})
	first := append(append([][]byte{}, sets...), idr, inter)
	w.send(true, first...)
	w.next()
	w.send(true, inter, inter)
	w.want(first, [][]byte{inter, inter})
}

func TestASecondPPSIsNoNewFormat(t *testing.T) {
	other := []byte{0x68, 0x5b, 0x83, 0xcb, 0x20} // 010: id 1
	changed := append(bytes.Clone(pps), 0x80)
	w := newWire(t, media.Track{Codec: media.H264, ClockRate: 90000})
	for range 3 {
		w.send(true, sps, pps, other, idr)
		w.next()
	}
	if len(w.got.formats) != 1 || !bytes.Equal(w.got.formats[0].Tracks[0].PPS, pps) {
		t.Errorf("%d formats of one SPS and two PPS, the first with PPS % x", len(w.got.formats), w.got.formats[0].Tracks[0].PPS)
	}
	w.send(true, sps, changed, idr)
	w.a.Close()
	if n := len(w.got.formats); n != 2 || !bytes.Equal(w.got.formats[1].Tracks[0].PPS, changed) {
		t.Errorf("%d formats after the PPS changed", n)
	}
}

func TestARefusedSPSStopsThePicturesUntilAGoodOne(t *testing.T) {
	monster := []byte{0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x02, 0x00, 0x40, 0x02, 0x00, 0x40, 0x3c, 0x60, 0xc9, 0x20}
	w := newWire(t, media.Track{Codec: media.H264, ClockRate: 90000})
	w.send(true, sps, pps, idr)
	w.next()
	w.send(true, monster, idr)
	w.next()
	w.send(true, inter)
	w.next()
	w.send(true, sps, idr)
	w.next()
	w.send(true, inter)
	w.want([][]byte{sps, pps, idr}, [][]byte{sps, idr}, [][]byte{inter})
	if len(w.got.errs) != 1 || !strings.Contains(w.got.errs[0].Error(), "SPS declares") {
		t.Error(w.got.errs)
	}
}

func TestMissingParameterSetsAreToldOnceInTenSeconds(t *testing.T) {
	w := newWire(t, media.Track{Codec: media.H264, ClockRate: 90000})
	for range 250 { // 25 s
		w.send(true, idr)
		w.next()
	}
	if len(w.got.units) != 0 || len(w.got.errs) != 3 {
		t.Errorf("%d units, %d errors", len(w.got.units), len(w.got.errs))
	}
	if s := w.got.errs[1].Error(); !strings.Contains(s, "no SPS has come") || !strings.Contains(s, "99 more") {
		t.Error(s)
	}
	w.send(true, sps, pps, idr)
	w.want([][]byte{sps, pps, idr})
}

func TestARecoveryPointMustDoWhereNoIDRComes(t *testing.T) {
	recovery := []byte{0x06, 6, 1, 0xc4, 0x80}
	w := newWire(t, media.Track{Codec: media.H264, ClockRate: 90000, SPS: sps, PPS: pps})
	for i := range 150 {
		if i%10 == 0 {
			w.send(false, recovery)
		}
		w.send(true, inter)
		w.next()
	}
	w.a.Close()
	if n := len(w.got.units); n != 40 || !w.got.units[0].RandomAccess || w.got.units[1].RandomAccess || !w.got.units[10].RandomAccess {
		t.Errorf("%d units", n)
	}
}

func TestARecoveryPointMustDoOnceNoMoreIDRCome(t *testing.T) {
	recovery := []byte{0x06, 6, 1, 0xc4, 0x80}
	w := newWire(t, media.Track{Codec: media.H264, ClockRate: 90000, SPS: sps, PPS: pps})
	for i := range 250 { // 25 s
		if i%10 == 5 {
			w.send(false, recovery)
		}
		w.send(true, [][]byte{idr, inter}[min(i, 1)])
		w.next()
	}
	w.a.Close()
	var random []int
	for i, u := range w.got.units {
		if u.RandomAccess {
			random = append(random, i)
		}
	}
	if len(w.got.units) != 250 || len(random) != 16 || random[0] != 0 || random[1] != 105 {
		t.Errorf("%d units, random access: %v", len(w.got.units), random)
	}
}

func TestAFrozenTimestampMovesWithTheArrivals(t *testing.T) {
	w := newWire(t, media.Track{Codec: media.H264, ClockRate: 90000, SPS: sps, PPS: pps})
	for i := range 50 {
		w.send(true, [][]byte{idr, inter}[min(i%10, 1)])
		w.at = w.at.Add(100 * time.Millisecond)
	}
	w.a.Close()
	for i, u := range w.got.units {
		if off := u.Capture.Sub(w.got.units[0].Capture) - time.Duration(i)*100*time.Millisecond; off.Abs() > time.Millisecond {
			t.Fatalf("unit %d is %s off", i, off)
		}
	}
	if len(w.got.units) != 50 {
		t.Errorf("%d units", len(w.got.units))
	}
}

func TestAStallIsNotAJump(t *testing.T) {
	w := newWire(t, media.Track{Codec: media.H264, ClockRate: 90000, SPS: sps, PPS: pps})
	for i := range 100 {
		w.send(true, [][]byte{idr, inter}[min(i%10, 1)])
		w.h.Time += 9000
		switch { // four seconds of silence, then all of it at once
		case i == 50:
			w.at = w.at.Add(4 * time.Second)
		case i < 50 || i > 90:
			w.at = w.at.Add(100 * time.Millisecond)
		}
	}
	w.a.Close()
	for i, u := range w.got.units {
		if off := u.Capture.Sub(w.got.units[0].Capture) - time.Duration(i)*100*time.Millisecond; off.Abs() > 20*time.Millisecond {
			t.Fatalf("unit %d is %s off", i, off)
		}
	}
	if s := w.a.Stats().Tracks[0]; s.Jumps != 0 || s.Units != 100 {
		t.Errorf("%+v", s)
	}
}

func TestAWallClockSetBackReordersNothing(t *testing.T) {
	w := newWire(t, media.Track{Codec: media.H264, ClockRate: 90000, SPS: sps, PPS: pps})
	w.at = w.at.Round(0) // the worst case: arrivals by the wall clock alone
	for i := range 60 {
		if i == 30 {
			w.at = w.at.Add(-time.Hour)
		}
		w.send(true, [][]byte{idr, inter}[min(i%10, 1)])
		w.next()
	}
	w.a.Close()
	checkParts(t, w.got.parts, 0)
	for i, u := range w.got.units[1:] {
		if !u.Capture.After(w.got.units[i].Capture) {
			t.Fatalf("unit %d is dated %v after %v", i+1, u.Capture, w.got.units[i].Capture)
		}
	}
	if s := w.a.Stats().Tracks[0]; s.Units != 60 || s.Jumps != 0 {
		t.Errorf("%+v", s)
	}
}

func TestATimestampAtHalfSpeedStaysNearTheRecordersClock(t *testing.T) {
	w := newWire(t, declared())
	for i := range 3000 { // five minutes
		w.send(true, [][]byte{idr, inter}[min(i%10, 1)])
		w.h.Time += 4500
		w.at = w.at.Add(100 * time.Millisecond)
	}
	w.a.Close()
	for i, u := range w.got.units {
		if off := u.Capture.Sub(w.got.units[0].Capture) - time.Duration(i)*100*time.Millisecond; off.Abs() > 35*time.Second {
			t.Fatalf("unit %d is %s off", i, off)
		}
	}
}

func TestBPicturesThatTheSPSDoesNotAnnounce(t *testing.T) {
	b := []byte{0x01, 0x9c, 1, 1} // slice type 6
	w := newWire(t, declared())
	var shown []int
	for gop := range 20 { // I P b b P b b P b b
		for _, k := range []int{0, 3, 1, 2, 6, 4, 5, 9, 7, 8} {
			nal := inter
			switch {
			case k == 0:
				nal = idr
			case k%3 != 0:
				nal = b
			}
			shown = append(shown, gop*10+k)
			w.h.Time = media.RTPTime((gop*10 + k) * 9000)
			w.at = begin.Add(time.Duration(len(shown)) * 100 * time.Millisecond)
			w.send(true, nal)
		}
	}
	w.a.Close()
	if s := w.a.Stats().Tracks[0]; s.Jumps != 0 || s.Units != 200 {
		t.Fatalf("%+v", s)
	}
	for i, u := range w.got.units {
		if want := w.got.units[0].PTS + media.MediaTime(shown[i]*9000); u.PTS != want {
			t.Fatalf("picture %d: PTS %d, want %d", i, u.PTS, want)
		}
		if i > 0 && u.DTS <= w.got.units[i-1].DTS || i > 20 && u.DTS > u.PTS {
			t.Fatalf("picture %d: DTS %d, PTS %d", i, u.DTS, u.PTS)
		}
	}
}

func TestAPictureWithoutItsFirstSliceIsDamaged(t *testing.T) {
	w := newWire(t, declared())
	w.send(true, idr)
	w.next()
	w.h.Sequence++ // its first slice
	w.send(true, later)
	w.next()
	w.send(true, inter, later)
	w.want([][]byte{idr}, [][]byte{inter, later})
	s := w.a.Stats().Tracks[0]
	p := w.got.parts[0]
	if s.Damaged != 1 || s.Lost != 1 || p.Damaged != 1 || p.Lost != 1 {
		t.Errorf("%+v, part %+v", s, p)
	}
	if want := "track 0: 1 packets are missing before this one (sequence 3, RTP time 9000, SSRC 00000007)"; len(w.got.errs) != 1 || w.got.errs[0].Error() != want {
		t.Errorf("%v", w.got.errs)
	}
}

// TestABufferedBeginIsCaughtUpWith sends two seconds of pictures at once, as a
// camera that begins with its last GOP does: they are dated late, and that is
// made good without time standing still.
func TestABufferedBeginIsCaughtUpWith(t *testing.T) {
	c := media.NewClock(begin, 90000)
	var last time.Time
	for i := range 60 * 25 {
		m := media.MediaTime(i * 3600)
		arrival := max(0, time.Duration(i-50)*40*time.Millisecond)
		c.Observe(m, arrival)
		at := c.At(m)
		if i > 0 && at.Sub(last) < 30*time.Millisecond {
			t.Fatalf("picture %d is dated %s after the one before", i, at.Sub(last))
		}
		last = at
		if late := at.Sub(begin.Round(0)) - arrival; i > 30*25 && late > 300*time.Millisecond {
			t.Fatalf("picture %d is dated %s after it came", i, late)
		}
	}
}

func TestARunThatBeginsWithCRADropsWhatLeadsIt(t *testing.T) {
	path := encode(t, "libx265", "bframes=3:open-gop=1:keyint=15:min-keyint=15:log-level=none")
	times, pictures := timesOf(t, path), annexB(t, media.H265, path)
	cra := -1
	var sets [][]byte
	for i, pic := range pictures {
		for _, nal := range pic.nals {
			switch k := nal[0] >> 1 & 0x3f; {
			case k >= 32 && k <= 34 && i == 0:
				sets = append(sets, nal)
			case k == 21 && cra < 0:
				cra = i
			}
		}
	}
	if cra < 0 || len(sets) != 3 {
		t.Fatalf("the clip has no CRA: %d, %d", cra, len(sets))
	}
	leading := 0
	for _, pic := range pictures[cra+1:] {
		if k := pic.nals[0][0] >> 1 & 0x3f; k == 8 || k == 9 {
			leading++
		} else if k == 21 {
			break
		}
	}
	a, got := collect(media.AssemblerOptions{Tracks: []media.Track{{Codec: media.H265, ClockRate: 90000, VPS: sets[0], SPS: sets[1], PPS: sets[2]}}})
	sendAt(t, a, newSender(t, media.H265), pictures[cra:], times[cra:])
	a.Close()
	if skipped := int(a.Stats().Tracks[0].Skipped); leading == 0 || skipped == 0 || skipped > leading || len(got.units) != len(pictures)-cra-skipped {
		t.Errorf("%d units of %d, %d skipped; %d lead some CRA", len(got.units), len(pictures)-cra, skipped, leading)
	}
	for _, u := range got.units {
		if u.PTS < got.units[0].PTS {
			t.Error("a picture before the first one")
		}
	}
	if n := decodes(t, got.formats[0], got.parts); n != len(got.units) {
		t.Errorf("ffmpeg decodes %d of %d", n, len(got.units))
	}
}

// frames is an RFC 3640 payload with 13 bits of size, 3 of index.
func frames(sizes []int, all ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(16*len(sizes)))
	for _, n := range sizes {
		b = binary.BigEndian.AppendUint16(b, uint16(n)<<3)
	}
	return append(b, bytes.Join(all, nil)...)
}

func TestQuirksOfSound(t *testing.T) {
	one, two := []byte("frame one"), []byte("two")
	adts := append([]byte{0xff, 0xf1, 0x60, 0x40, 0x02, 0x1f, 0xfc}, one...) // 16 bytes
	tests := []struct {
		name string
		send func(w *wire)
		want [][]byte
		errs int
	}{
		{"wrapped in ADTS", func(w *wire) { w.send(true, frames([]int{16}, adts)) }, [][]byte{one}, 0},
		{"without markers", func(w *wire) {
			w.send(false, frames([]int{9}, one))
			w.next()
			w.send(false, frames([]int{3}, two))
		}, [][]byte{one, two}, 0},
		{"fragments that declare the frame's size", func(w *wire) {
			w.send(true, frames([]int{9}, one[:4]), frames([]int{9}, one[4:]))
		}, [][]byte{one}, 0},
		{"a fragment lost", func(w *wire) {
			w.send(false, frames([]int{9}, one[:4]))
			w.h.Sequence++
			w.send(true, frames([]int{9}, one[6:]))
			w.next()
			w.send(true, frames([]int{3}, two))
		}, [][]byte{two}, 2},
		{"sizes beyond the packet", func(w *wire) {
			w.send(true, frames([]int{400}, one))
			w.next()
			w.send(true, frames([]int{9, 400}, one, two))
		}, [][]byte{one}, 1},
		{"headers beyond the packet", func(w *wire) { w.send(true, []byte{0xff, 0xff, 1, 2}, []byte{0, 7, 0}, []byte{0}) }, nil, 1},
		{"interleaved", func(w *wire) { w.send(true, []byte{0, 16, 0, 9<<3&0xff | 1, 1, 2, 3}) }, nil, 1},
		{"an empty frame", func(w *wire) { w.send(true, frames([]int{0, 3}, two)) }, [][]byte{two}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWire(t, aacTrack([]byte{0x14, 0x08}))
			tt.send(w)
			w.a.Close()
			if len(w.got.units) != len(tt.want) || len(w.got.errs) != tt.errs {
				t.Fatalf("%d units, want %d; errors %v", len(w.got.units), len(tt.want), w.got.errs)
			}
			for i, u := range w.got.units {
				if !bytes.Equal(u.Payload[0], tt.want[i]) {
					t.Errorf("frame %d is %q", i, u.Payload[0])
				}
			}
		})
	}
}

func TestSoundWithoutParametersIsToldAndNotDelivered(t *testing.T) {
	w := newWire(t, media.Track{Codec: media.AAC, ClockRate: 16000})
	w.send(true, frames([]int{3}, []byte("one")))
	w.a.Close()
	if len(w.got.units) != 0 || len(w.got.errs) != 1 {
		t.Errorf("%d units, %v", len(w.got.units), w.got.errs)
	}
}

func TestCodecStrings(t *testing.T) {
	for want, track := range map[string]media.Track{
		"avc1.42C028":      {Codec: media.H264, SPS: sps},
		"hvc1.1.6.L123.90": {Codec: media.H265, SPS: unhex("42010101600000030090000003000003007ba003c08010e59696")},
		"hvc1.2.4.H153.B0": {Codec: media.H265, SPS: unhex("4201012220000003" + "00b0000003000003" + "0099a001e020021c4d88")},
		"mp4a.40.2":        {Codec: media.AAC, AudioConfig: []byte{0x14, 0x08}},
		"mp4a.40.42":       {Codec: media.AAC, AudioConfig: []byte{0xf9, 0x40}},
		"":                 {Codec: media.H265, SPS: []byte{0x42, 1}},
	} {
		if got := track.CodecString(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestFormatsThatChangeAgainAndAgainEndTheRun: five changes within half a minute
// are settings being tried, the sixth is a fault; slow changes are fine.
func TestFormatsThatChangeAgainAndAgainEndTheRun(t *testing.T) {
	other := append(bytes.Clone(sps[:len(sps)-1]), 0x24)
	for every, formats := range map[time.Duration]int{time.Second: 6, 7 * time.Second: 20} {
		w := newWire(t, media.Track{Codec: media.H264, ClockRate: 90000, SPS: sps, PPS: pps})
		var err error
		for i := 0; i < 20 && err == nil; i++ {
			w.h.Time += media.RTPTime(media.Ticks(every, 90000))
			w.at = w.at.Add(every)
			for k, p := range [][]byte{[][]byte{sps, other}[i%2], idr} {
				w.h.Sequence, w.h.Marker = w.h.Sequence+1, k == 1
				err = w.a.Packet(0, w.h, p, w.at)
			}
		}
		w.a.Close()
		if n := len(w.got.formats); n != formats || errors.Is(err, media.ErrFormats) != (formats < 20) {
			t.Errorf("a change each %v: %d formats, %v", every, n, err)
		}
	}
}

// TestFormatsInOnePacket: a byte stream in one packet may hold many changes.
func TestFormatsInOnePacket(t *testing.T) {
	other := append(bytes.Clone(sps[:len(sps)-1]), 0x24)
	w := newWire(t, media.Track{Codec: media.H264, ClockRate: 90000, SPS: sps, PPS: pps})
	var nals [][]byte
	for i := range 500 {
		nals = append(nals, [][]byte{other, sps}[i%2], idr)
	}
	err := w.a.Packet(0, media.RTPHeader{SSRC: 7, Marker: true}, annex(nals...), w.at)
	w.a.Close()
	if !errors.Is(err, media.ErrFormats) || len(w.got.formats) != 6 {
		t.Errorf("%d formats, %v", len(w.got.formats), err)
	}
}
