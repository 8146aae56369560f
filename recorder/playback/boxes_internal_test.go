package playback

import (
	"math"
	"testing"

	"github.com/stockade-nvr/stockade/streams/fmp4"
	"github.com/stockade-nvr/stockade/streams/media"
)

// written is a moof as recorder/segment writes it.
func written() []byte {
	p := &media.Part{Tracks: []media.TrackPart{
		{Track: 0, BaseDTS: 90000, Samples: []media.Sample{{Duration: 3000, Size: 100, RandomAccess: true}, {Duration: 3600, Size: 7, PTSOffset: -5}}},
		{Track: 1, BaseDTS: 48000, Samples: []media.Sample{{Duration: 1024, Size: 9, RandomAccess: true}}},
	}}
	b := fmp4.AppendFragment(nil, 1, p)
	return b[:len(b)-fmp4.BoxHeader]
}

func TestParseMoofReadsWhatIsWritten(t *testing.T) {
	t.Parallel()
	m, err := parseMoof(written())
	if err != nil || len(m.trafs) != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	v, a := m.trafs[0], m.trafs[1]
	if v.track != 1 || v.time != 90000 || v.end() != 96600 || v.data != int64(m.size+fmp4.BoxHeader) ||
		v.sample(0) != (row{3000, 100, 0, true}) || v.sample(1) != (row{3600, 7, -5, false}) {
		t.Errorf("video: %+v", v)
	}
	if a.track != 2 || a.time != 48000 || a.end() != 49024 || a.data != v.data {
		t.Errorf("audio: %+v", a)
	}
}

func TestFragmentsStayWithinBounds(t *testing.T) {
	t.Parallel()
	const many = 3 * maxReferences
	parts, ticks, random := make([]part, many), make([]int64, many+1), make([]bool, many)
	for i := range many {
		parts[i].size, ticks[i+1], random[i] = 10, int64(i+1)*100, i%2 == 0
	}
	fragments := join(parts, ticks, random)
	var size, length int64
	next := 0
	for _, f := range fragments {
		if !f.random || f.first != next {
			t.Fatalf("%+v, want part %d first", f, next)
		}
		size, length, next = size+f.size, length+f.duration, next+f.n
	}
	if len(fragments) > maxReferences || len(fragments) < maxReferences/2 || size != 10*many || length != 100*many || next != many {
		t.Errorf("%d fragments, %d parts, %d bytes, %d ticks", len(fragments), next, size, length)
	}
	// A GOP that no fragment can hold is divided.
	parts, random = []part{{size: 1 << 30}, {size: 1 << 30}, {size: 1 << 30}}, []bool{true, false, false}
	if fragments = join(parts, []int64{0, 1, 2, 3}, random); len(fragments) != 3 || fragments[1].random {
		t.Errorf("%+v", fragments)
	}
	parts, random = make([]part, 2*maxJoined), make([]bool, 2*maxJoined)
	random[0] = true
	if fragments = join(parts, make([]int64, 2*maxJoined+1), random); len(fragments) != 2 || fragments[0].n != maxJoined {
		t.Errorf("%+v", fragments)
	}
}

func TestRescale(t *testing.T) {
	t.Parallel()
	for _, x := range []int64{0, 1, -1, 89999, 90001, -90001, maxTicks, -maxTicks, maxTicks - 7} {
		for _, r := range [][2]int{{90000, 48000}, {48000, 90000}, {44100, 90000}, {90000, 1}} {
			up, down := rescaleUp(x, r[0], r[1]), rescale(x, r[0], r[1])
			// Up to the leading clock and down again never comes out before x.
			if up < down || up > down+1 || rescale(up, r[1], r[0]) < x {
				t.Errorf("%d at %v: up %d, down %d, back %d", x, r, up, down, rescale(up, r[1], r[0]))
			}
		}
	}
	if d := duration(math.MaxInt64, 1); d <= 0 {
		t.Errorf("the longest duration is %v", d)
	}
}

func FuzzParseMoof(f *testing.F) {
	b := written()
	f.Add(b)
	f.Add(b[:40])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMoof(b)
		if err != nil {
			return
		}
		for i := range m.trafs {
			if tf := &m.trafs[i]; tf.end() < tf.time || tf.bytes() < 0 || tf.samples() > len(b)/fmp4.TrunRow {
				t.Fatalf("%+v of %d bytes", tf, len(b))
			}
		}
	})
}
