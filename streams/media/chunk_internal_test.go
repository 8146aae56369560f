package media

import (
	"bytes"
	"testing"
	"time"
)

// TestEveryReferenceIsGivenBack counts those to each chunk that a run used:
// one too few is a picture overwritten while it is written to disk, one too
// many is memory that the pool never sees again.
func TestEveryReferenceIsGivenBack(t *testing.T) {
	used := map[*chunk]bool{}
	gop := NewGOP(0, 8<<20)
	var parts []*Part
	begin := time.Now()
	a := NewAssembler(AssemblerOptions{
		Run: &Run{Start: begin},
		Tracks: []Track{
			{Codec: H264, ClockRate: 90000, SPS: []byte("\x67\x42\xc0\x28\xd9\x00\x78\x02\x27\xe5\x84\x00\x00\x03\x00\x04\x00\x00\x03\x00\xf0\x3c\x60\xc9\x20"), PPS: []byte("\x68\xcb\x83\xcb\x20")},
			{Codec: AAC, ClockRate: 16000, AudioConfig: []byte{0x14, 0x08}, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3},
		},
		Unit: gop.Add,
		Part: func(p *Part) {
			for _, c := range p.chunks {
				used[c] = true
			}
			parts = append(parts, p)
		},
	})
	big := bytes.Repeat([]byte{7}, 50000)
	var v, s RTPHeader
	for i := range 500 {
		at := begin.Add(time.Duration(i) * 40 * time.Millisecond)
		head := byte(0x41)
		if i%30 == 0 {
			head = 0x65
		}
		v.Time = RTPTime(i * 3600)
		for k := range 3 {
			v.Sequence++
			if i%17 == 5 && k == 1 {
				continue // a damaged picture, which lay in several chunks
			}
			payload := append([]byte{28, 0x80>>(7*min(k, 1))&0x80 | head&0x1f, 0x9a}, big...)
			if k == 2 {
				payload[1] |= 0x40
			}
			payload[0] |= head & 0xe0
			v.Marker = k == 2
			if err := a.Packet(0, v, payload, at); err != nil {
				t.Fatal(err)
			}
		}
		// Sound comes in bursts of half a second ahead: parts divide it within a chunk.
		for k := 0; i%12 == 0 && k < 12; k++ {
			s.Sequence, s.Time, s.Marker = s.Sequence+1, RTPTime((i+k)*640), true
			if err := a.Packet(1, s, append([]byte{0, 16, 300 >> 5, 300 << 3 & 0xff}, big[:300]...), at); err != nil {
				t.Fatal(err)
			}
		}
		if len(parts) > 4 {
			parts[0].Release()
			parts = parts[1:]
		}
	}
	for c := range used {
		if n := c.refs.Load(); n < 0 {
			t.Errorf("a chunk has %d references", n)
		}
	}
	a.Close()
	gop.Reset()
	for _, p := range parts {
		p.Release()
		p.Release() // the second time does nothing
	}
	if len(used) < 20 {
		t.Fatalf("%d chunks were used", len(used))
	}
	for c := range used {
		if n := c.refs.Load(); n != 0 {
			t.Errorf("a chunk has %d references left", n)
		}
	}
}

func TestPacketsAllocateNothing(t *testing.T) {
	begin := time.Now()
	a := NewAssembler(AssemblerOptions{
		Run:  &Run{Start: begin},
		Part: (*Part).Release,
		Tracks: []Track{{
			Codec: H264, ClockRate: 90000, PPS: []byte("\x68\xcb\x83\xcb\x20"),
			SPS: []byte("\x67\x42\xc0\x28\xd9\x00\x78\x02\x27\xe5\x84\x00\x00\x03\x00\x04\x00\x00\x03\x00\xf0\x3c\x60\xc9\x20"),
		}},
	})
	payload := bytes.Repeat([]byte{9}, 1200)
	var h RTPHeader
	n := 0
	second := func() { // 25 pictures of 20 packets, one part
		for range 25 {
			for k := range 20 {
				payload[0], payload[1] = 0x7c, 0x41&0x1f
				if n%25 == 0 {
					payload[1] = 5
				}
				switch k {
				case 0:
					payload[1] |= 0x80
				case 19:
					payload[1] |= 0x40
				}
				payload[2] = 0x9a
				h.Sequence++
				h.Marker = k == 19
				if err := a.Packet(0, h, payload, begin.Add(time.Duration(n)*40*time.Millisecond)); err != nil {
					t.Fatal(err)
				}
			}
			n++
			h.Time += 3600
		}
	}
	second()
	second()
	// A part, its tracks, samples, pieces and references to chunks: seven, and
	// what the pool has to make anew after a collection.
	if got := testing.AllocsPerRun(20, second); got > 12 {
		t.Errorf("%v allocations for 500 packets", got)
	}
}
