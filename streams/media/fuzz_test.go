package media_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
)

// script reads packets from fuzz input: a byte of flags, two of sequence step,
// four of time step, a byte of arrival step, two of length, the payload.
func script(data []byte, packet func(h media.RTPHeader, payload []byte, at time.Time) error) {
	h := media.RTPHeader{SSRC: 1}
	at := begin
	for len(data) >= 10 {
		h.Marker = data[0]&1 != 0
		h.PayloadType = data[0] >> 3 & 1 // by which a fuzzer tells tracks apart
		if data[0]&2 != 0 {
			h.Sequence += binary.BigEndian.Uint16(data[1:])
		} else {
			h.Sequence++
		}
		if data[0]&4 != 0 {
			h.Time += media.RTPTime(binary.BigEndian.Uint32(data[3:]))
		}
		at = at.Add(time.Duration(data[7]) * 10 * time.Millisecond)
		n := min(int(binary.BigEndian.Uint16(data[8:])), len(data)-10)
		if packet(h, data[10:10+n], at) != nil {
			return
		}
		data = data[10+n:]
	}
}

// line writes one packet of a script.
func line(marker bool, step uint32, payload []byte) []byte {
	b := []byte{4, 0, 0}
	if marker {
		b[0] |= 1
	}
	b = binary.BigEndian.AppendUint32(b, step)
	b = append(b, 10)
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	return append(b, payload...)
}

var quoted = regexp.MustCompile(`\[\]byte\((".*")\)`)

// foreign adds what others' parsers once fell over, where it is at hand.
func foreign(f *testing.F, folder string) {
	files, err := filepath.Glob(filepath.Join("../../../shared/corpus/fuzz/gortsplib/format", folder, "*", "*"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var all []byte
		for _, m := range quoted.FindAllSubmatch(text, -1) {
			payload, err := strconv.Unquote(string(m[1]))
			if err != nil {
				f.Fatal(err)
			}
			all = append(all, line(true, 9000, []byte(payload))...)
		}
		f.Add(all)
	}
}

func fuzz(f *testing.F, track media.Track) {
	f.Fuzz(func(t *testing.T, data []byte) {
		var bytes, units int
		o := media.AssemblerOptions{
			Run: &media.Run{ID: "1", Start: begin}, Tracks: []media.Track{track}, MaxAccessUnit: 1 << 16,
			Unit: func(u *media.AccessUnit) { units++; bytes += u.Bytes() },
			Part: func(p *media.Part) {
				for _, tp := range p.Tracks {
					sum := 0
					for _, s := range tp.Samples {
						sum += int(s.Size)
					}
					if sum != tp.Bytes() || !p.End.After(p.Start) {
						t.Errorf("part %d: samples of %d bytes, payload of %d, [%v, %v)", p.Sequence, sum, tp.Bytes(), p.Start, p.End)
					}
				}
				p.Release()
			},
		}
		a := media.NewAssembler(o)
		script(data, func(h media.RTPHeader, payload []byte, at time.Time) error { return a.Packet(0, h, payload, at) })
		a.Close()
		if bytes > 8*len(data)+units*8 {
			t.Errorf("%d bytes came out of %d", bytes, len(data))
		}
	})
}

func seedPictures(f *testing.F, codec media.Codec, pictures []picture) {
	s := newSender(f, codec)
	var all []byte
	for _, pic := range pictures[:3] {
		for _, p := range s.packets(pic.nals) {
			step := uint32(0)
			if p.Marker {
				step = 9000
			}
			all = append(all, line(p.Marker, step, p.Payload)...)
		}
	}
	f.Add(all)
}

func FuzzAssemblerH264(f *testing.F) {
	seedPictures(f, media.H264, h264Clip(f, "320x240", 2))
	foreign(f, "rtph264")
	f.Add(line(true, 0, []byte{24, 0, 0, 0, 1, 7}))
	fuzz(f, media.Track{Codec: media.H264, ClockRate: 90000})
}

func FuzzAssemblerH265(f *testing.F) {
	seedPictures(f, media.H265, h265Clip(f))
	foreign(f, "rtph265")
	fuzz(f, media.Track{Codec: media.H265, ClockRate: 90000})
}

func FuzzAssemblerAAC(f *testing.F) {
	frames, config := aacClip(f)
	var all []byte
	for _, p := range newSender(f, media.AAC).packets(frames[:4]) {
		all = append(all, line(p.Marker, 1024, p.Payload)...)
	}
	f.Add(all)
	foreign(f, "rtpmpeg4audio")
	fuzz(f, media.Track{Codec: media.AAC, ClockRate: 16000, AudioConfig: config, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3})
}

// FuzzAssemblerTwoTracks sends pictures and sound: a packet is of the second
// track where bit 3 of its flags is set.
func FuzzAssemblerTwoTracks(f *testing.F) {
	var all []byte // short, or the fuzzer only minimises
	for i := range 4 {
		for k, nal := range [][]byte{sps, pps, [][]byte{idr, inter}[min(i%3, 1)]} {
			all = append(all, line(k == 2, 3000, nal)...)
		}
		sound := line(true, 1024, frames([]int{5, 5}, []byte("soundsound")))
		sound[0] |= 8
		all = append(all, sound...)
	}
	f.Add(all)
	tracks := []media.Track{{Codec: media.H264, ClockRate: 90000}, aacTrack([]byte{0x14, 0x08})}
	f.Fuzz(func(t *testing.T, data []byte) {
		var end time.Time
		var reached [2]media.MediaTime
		parts := 0
		a := media.NewAssembler(media.AssemblerOptions{
			Run: &media.Run{ID: "1", Start: begin}, Tracks: tracks, MaxAccessUnit: 1 << 16,
			Part: func(p *media.Part) {
				if parts > 0 && !p.Start.Equal(end) || !p.End.After(p.Start) || p.Sequence != parts {
					t.Errorf("part %d of [%v, %v) is the %dth and comes behind %v", p.Sequence, p.Start, p.End, parts, end)
				}
				end = p.End
				parts++
				samples := 0
				for _, tp := range p.Tracks {
					sum, dts := 0, tp.BaseDTS
					if dts < reached[tp.Track] {
						t.Errorf("part %d: track %d begins at %d, decoded up to %d", p.Sequence, tp.Track, dts, reached[tp.Track])
					}
					for _, s := range tp.Samples {
						sum += int(s.Size)
						reached[tp.Track] = dts + 1 // the last sample's duration is a guess
						dts += media.MediaTime(s.Duration)
					}
					samples += len(tp.Samples)
					if sum != tp.Bytes() {
						t.Errorf("part %d: samples of %d bytes, payload of %d", p.Sequence, sum, tp.Bytes())
					}
				}
				if samples == 0 || samples > 4096 {
					t.Errorf("part %d: %d samples", p.Sequence, samples)
				}
				p.Release()
			},
		})
		var headers [2]media.RTPHeader
		script(data, func(h media.RTPHeader, payload []byte, at time.Time) error {
			track := int(h.PayloadType)
			own := &headers[track]
			*own = media.RTPHeader{Sequence: own.Sequence + 1, Time: h.Time, SSRC: uint32(track), Marker: h.Marker}
			return a.Packet(track, *own, payload, at)
		})
		a.Close()
	})
}

// BenchmarkAssemblerH264 is a camera's stream of 3 Mbit/s in packets of 900 bytes.
func BenchmarkAssemblerH264(b *testing.B) {
	type packet struct {
		h       media.RTPHeader
		payload []byte
	}
	var packets []packet
	s := newSender(b, media.H264)
	pictures := h264Clip(b, "320x240", 0)
	bytes := 0
	for i, pic := range pictures {
		for _, p := range s.packets(pic.nals) {
			packets = append(packets, packet{header(p, uint32(i*9000)), p.Payload})
			bytes += len(p.Payload)
		}
	}
	a := media.NewAssembler(media.AssemblerOptions{
		Run: &media.Run{ID: "1", Start: begin}, Tracks: []media.Track{{Codec: media.H264, ClockRate: 90000}},
		Part: (*media.Part).Release,
	})
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	round := 0
	for b.Loop() {
		for i := range packets {
			h := packets[i].h
			h.Sequence += uint16(round * len(packets))
			h.Time += media.RTPTime(round * len(pictures) * 9000)
			at := begin.Add(time.Duration(round)*3*time.Second + time.Duration(i)*3*time.Second/time.Duration(len(packets)))
			if err := a.Packet(0, h, packets[i].payload, at); err != nil {
				b.Fatal(err)
			}
		}
		round++
	}
	b.ReportMetric(float64(len(packets)), "packets/op")
}
