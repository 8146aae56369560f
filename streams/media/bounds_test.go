package media_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
)

// declared is a picture track that needs nothing in band.
func declared() media.Track {
	return media.Track{Codec: media.H264, ClockRate: 90000, SPS: sps, PPS: pps}
}

func TestPartsAreBoundedWhateverTheCameraDoes(t *testing.T) {
	tests := []struct {
		name     string
		every    time.Duration
		random   func(i int) bool
		size     int
		pictures int
		longest  time.Duration
		parts    int // at least
	}{
		{"usual", 40 * time.Millisecond, func(i int) bool { return i%50 == 0 }, 2000, 500, time.Second, 20},
		{"random access only", 40 * time.Millisecond, func(int) bool { return true }, 2000, 250, 520 * time.Millisecond, 18},
		{"random access once", 40 * time.Millisecond, func(i int) bool { return i == 0 }, 2000, 500, time.Second, 20},
		{"a picture a second", time.Second, func(i int) bool { return i%4 == 0 }, 2000, 20, time.Second, 20},
		{"a picture in four seconds", 4 * time.Second, func(i int) bool { return i%4 == 0 }, 2000, 20, 4 * time.Second, 20},
		{"pictures of 3 MiB", 40 * time.Millisecond, func(i int) bool { return i%50 == 0 }, 3 << 20, 50, time.Second, 9},
		{"a tick between pictures", 11112 * time.Nanosecond, func(i int) bool { return i == 0 }, 4, 20000, time.Second, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var parts, units int
			run := &media.Run{ID: "1", Start: begin}
			a := media.NewAssembler(media.AssemblerOptions{
				Run: run, Tracks: []media.Track{declared()},
				Part: func(p *media.Part) {
					parts++
					tp := p.Tracks[0]
					units += len(tp.Samples)
					if tp.Bytes() > 16<<20 || len(tp.Samples) > 4096 {
						t.Errorf("part %d: %d bytes, %d samples", p.Sequence, tp.Bytes(), len(tp.Samples))
					}
					if d := p.End.Sub(p.Start); d > tt.longest+50*time.Microsecond {
						t.Errorf("part %d lasts %s", p.Sequence, d)
					}
					p.Release()
				},
			})
			h := media.RTPHeader{SSRC: 7}
			body := make([]byte, min(tt.size, 60000))
			for i := range tt.pictures {
				at := begin.Add(time.Duration(i) * tt.every)
				h.Time = media.RTPTime(media.Ticks(time.Duration(i)*tt.every, 90000))
				nal := inter
				if tt.random(i) {
					nal = idr
				}
				for sent := 0; sent < tt.size; sent += len(body) {
					p := append(bytes.Clone(nal[:2]), body...)
					if sent > 0 {
						p = append(bytes.Clone(later[:2]), body...)
					}
					h.Sequence++
					h.Marker = sent+len(body) >= tt.size
					if err := a.Packet(0, h, p, at); err != nil {
						t.Fatal(err)
					}
				}
			}
			a.Close()
			if parts < tt.parts || units != tt.pictures {
				t.Errorf("%d parts, %d of %d pictures", parts, units, tt.pictures)
			}
		})
	}
}

// both sends pictures and sound of seconds from..to at their usual pace.
func both(t *testing.T, a *media.Assembler, h *[2]media.RTPHeader, from, to int, pictures bool) {
	t.Helper()
	for i := from * 25; i < to*25; i++ {
		at := begin.Add(time.Duration(i) * 40 * time.Millisecond)
		if pictures {
			nal := inter
			if i%50 == 0 {
				nal = idr
			}
			h[0] = media.RTPHeader{Sequence: h[0].Sequence + 1, Time: media.RTPTime(i * 3600), SSRC: 1, Marker: true}
			if err := a.Packet(0, h[0], nal, at); err != nil {
				t.Fatal(err)
			}
		}
		h[1] = media.RTPHeader{Sequence: h[1].Sequence + 1, Time: media.RTPTime(i * 640), SSRC: 2, Marker: true}
		if err := a.Packet(1, h[1], frames([]int{5}, []byte("sound")), at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSoundGoesOnWhileThePictureStalls(t *testing.T) {
	a, got := collect(media.AssemblerOptions{Tracks: []media.Track{declared(), aacTrack([]byte{0x14, 0x08})}})
	var h [2]media.RTPHeader
	both(t, a, &h, 0, 4, true)
	both(t, a, &h, 4, 40, false)
	both(t, a, &h, 40, 44, true)
	a.Close()
	checkParts(t, got.parts, 0)
	if n := len(checkParts(t, got.parts, 1)); n != 44*25 {
		t.Errorf("%d of %d frames", n, 44*25)
	}
	alone := 0
	for _, p := range got.parts {
		if d := p.End.Sub(p.Start); d > 11*time.Second {
			t.Errorf("part %d lasts %s", p.Sequence, d)
		}
		if len(p.Tracks) == 1 && p.Tracks[0].Track == 1 {
			alone++
			if p.RandomAccess {
				t.Error("a part without pictures says that one can be decoded")
			}
		}
	}
	if alone < 20 {
		t.Errorf("%d parts of sound alone", alone)
	}
	if last := got.parts[len(got.parts)-1]; last.End.Sub(got.parts[0].Start).Round(100*time.Millisecond) != 44*time.Second {
		t.Errorf("the run lasts %s", last.End.Sub(got.parts[0].Start))
	}
}

func TestSoundBeginsWithThePictureOrAfterTenSeconds(t *testing.T) {
	for name, pictures := range map[string]bool{"picture comes": true, "picture never comes": false} {
		t.Run(name, func(t *testing.T) {
			a, got := collect(media.AssemblerOptions{Tracks: []media.Track{declared(), aacTrack([]byte{0x14, 0x08})}})
			var h [2]media.RTPHeader
			both(t, a, &h, 0, 5, false)
			both(t, a, &h, 5, 20, pictures)
			a.Close()
			after := got.parts[0].Start.Sub(got.formatsStart())
			want := 10 * time.Second
			if pictures {
				want = 6 * time.Second // the first random access unit
			}
			if (after - want).Abs() > 100*time.Millisecond {
				t.Errorf("begins %s after the first packet", after)
			}
		})
	}
}

// formatsStart is when the first packet came, by the run's clock.
func (c *collected) formatsStart() time.Time {
	run := c.parts[0].Run
	return run.Start.Add(begin.Sub(run.Start))
}

func TestSoundAloneIsCutByTime(t *testing.T) {
	a, got := collect(media.AssemblerOptions{Tracks: []media.Track{aacTrack([]byte{0x14, 0x08})}})
	for i := range 250 {
		h := media.RTPHeader{Sequence: uint16(i), Time: media.RTPTime(i * 640), Marker: true}
		if err := a.Packet(0, h, frames([]int{5}, []byte("sound")), begin.Add(time.Duration(i)*40*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	a.Close()
	if n := len(checkParts(t, got.parts, 0)); n != 250 || len(got.parts) < 10 || len(got.parts) > 20 {
		t.Errorf("%d frames in %d parts", n, len(got.parts))
	}
	for _, p := range got.parts {
		if !p.RandomAccess {
			t.Errorf("part %d cannot be begun with", p.Sequence)
		}
	}
}

// TestSoundLiesInThePartItFallsInto sends sound half a second ahead of its
// pictures: what is shown with the next part is not in the one before.
func TestSoundLiesInThePartItFallsInto(t *testing.T) {
	a, got := collect(media.AssemblerOptions{Tracks: []media.Track{declared(), aacTrack([]byte{0x14, 0x08})}})
	for i := range 250 {
		at := begin.Add(time.Duration(i) * 40 * time.Millisecond)
		if i >= 12 {
			k := i - 12
			nal := inter
			if k%25 == 0 {
				nal = idr
			}
			if err := a.Packet(0, media.RTPHeader{Sequence: uint16(k), Time: media.RTPTime(i * 3600), SSRC: 1, Marker: true}, nal, at); err != nil {
				t.Fatal(err)
			}
		}
		for burst := i * 12; i%12 == 0 && burst < (i+12)*12 && burst%12 == 0; burst += 12 { // twelve frames at once
			n := burst / 12
			h := media.RTPHeader{Sequence: uint16(n), Time: media.RTPTime(n * 640), SSRC: 2, Marker: true}
			if err := a.Packet(1, h, frames([]int{5}, []byte("sound")), at); err != nil {
				t.Fatal(err)
			}
		}
	}
	a.Close()
	for i, p := range got.parts[:len(got.parts)-1] {
		var cut media.MediaTime
		for _, tp := range got.parts[i+1].Tracks {
			if tp.Track == 0 {
				cut = tp.BaseDTS
			}
		}
		for _, tp := range p.Tracks {
			if tp.Track != 1 {
				continue
			}
			dts := tp.BaseDTS
			for _, s := range tp.Samples[:len(tp.Samples)-1] {
				dts += media.MediaTime(s.Duration)
			}
			if dts.Duration(16000) >= cut.Duration(90000) {
				t.Errorf("part %d: sound at %s, the next part begins at %s", i, dts.Duration(16000), cut.Duration(90000))
			}
		}
	}
	checkParts(t, got.parts, 1)
}

func TestAGOPBeyondItsLimitIsDroppedAsAWhole(t *testing.T) {
	gop := media.NewGOP(0, 10*(10+256)) // a unit costs more than its ten bytes
	a := media.NewAssembler(media.AssemblerOptions{Run: &media.Run{Start: begin}, Tracks: []media.Track{declared()}, Unit: gop.Add})
	h := media.RTPHeader{}
	send := func(nal []byte, n int) {
		for range n {
			h.Sequence, h.Time, h.Marker = h.Sequence+1, h.Time+3600, true
			if err := a.Packet(0, h, nal, begin); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(idr, 1)
	send(inter, 9)
	if n := len(gop.Snapshot()); n != 10 || gop.Bytes() != 100 {
		t.Errorf("%d units, %d bytes", n, gop.Bytes())
	}
	send(inter, 1)
	if n := len(gop.Snapshot()); n != 0 || gop.Bytes() != 0 {
		t.Errorf("%d units of half a GOP", n)
	}
	send(inter, 5)
	send(idr, 1)
	if n := len(gop.Snapshot()); n != 1 {
		t.Errorf("%d units of the next one", n)
	}
}

// TestAGOPOfTinyUnitsIsBounded: a camera that sends units of a few bytes, and
// never another random access unit, does not fill the memory with their entries.
func TestAGOPOfTinyUnitsIsBounded(t *testing.T) {
	for limit, most := range map[int]int{1 << 20: 4096, 64 << 10: 256} {
		gop := media.NewGOP(0, limit)
		a := media.NewAssembler(media.AssemblerOptions{Run: &media.Run{Start: begin}, Tracks: []media.Track{declared()}, Unit: gop.Add})
		kept := 0
		for i := range 6000 {
			nal := []byte{0x41, 0x9a}
			if i == 0 {
				nal = idr
			}
			h := media.RTPHeader{Sequence: uint16(i), Time: media.RTPTime(i), Marker: true}
			if err := a.Packet(0, h, nal, begin.Add(time.Duration(i)*time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if i%100 == 0 {
				kept = max(kept, len(gop.Snapshot()))
			}
		}
		if kept == 0 || kept > most || len(gop.Snapshot()) != 0 {
			t.Errorf("with %d bytes: %d units, %d in the end", limit, kept, len(gop.Snapshot()))
		}
		a.Close()
	}
}

// TestFramesOfAPacketAreBounded: AU headers are short, and one packet has room
// for half a million.
func TestFramesOfAPacketAreBounded(t *testing.T) {
	track := aacTrack([]byte{0x14, 0x08})
	track.SizeLength, track.IndexLength, track.IndexDeltaLength = 1, 0, 0
	a, got := collect(media.AssemblerOptions{Tracks: []media.Track{track}})
	headers := append([]byte{0xff, 0x00}, bytes.Repeat([]byte{0xff}, 8160)...) // 65280 frames of a byte
	if err := a.Packet(0, media.RTPHeader{Marker: true}, append(headers, make([]byte, 50000)...), begin); err != nil {
		t.Fatal(err)
	}
	if len(got.units) != 0 || len(got.errs) != 1 {
		t.Errorf("%d units, errors %v", len(got.units), got.errs)
	}
}

// TestFramesDropAnOpenFragment: a packet of several frames within a fragmented
// one ends that one without its rest: its bytes are in no frame.
func TestFramesDropAnOpenFragment(t *testing.T) {
	a, got := collect(media.AssemblerOptions{Tracks: []media.Track{aacTrack([]byte{0x14, 0x08})}})
	for i, p := range [][]byte{frames([]int{20}, []byte("fragment")), frames([]int{3, 4}, []byte("onefour"))} {
		if err := a.Packet(0, media.RTPHeader{Sequence: uint16(i), Marker: i == 1}, p, begin); err != nil {
			t.Fatal(err)
		}
	}
	a.Close()
	if len(got.units) != 2 || string(got.units[0].Payload[0]) != "one" || string(got.units[1].Payload[0]) != "four" || len(got.errs) != 1 {
		t.Errorf("%d units, errors %v", len(got.units), got.errs)
	}
}
