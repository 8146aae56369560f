package playback_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/recorder/internal/footage"
	"github.com/stockade-nvr/stockade/streams/media"
)

// packet is an RTP packet of a camera.
type packet struct {
	track   int
	at      time.Duration
	header  media.RTPHeader
	payload []byte
}

// packets sends a clip as a camera would: pictures in decoding order, FU-A where
// they are large, one AAC frame in a packet.
func packets(clip *footage.Clip) []packet {
	var out []packet
	sequence := make([]uint16, len(clip.Format.Tracks))
	for _, p := range clip.Parts(run("00000000", start), 0) {
		for _, t := range p.Tracks {
			track := &clip.Format.Tracks[t.Track]
			dts := t.BaseDTS
			for i, s := range t.Samples {
				at := dts.Duration(track.ClockRate)
				pts := media.RTPTime(dts + media.MediaTime(s.PTSOffset))
				var payloads [][]byte
				if track.Codec == media.H264 {
					payloads = nals(t.Payload[i])
				} else {
					payloads = [][]byte{append(binary.BigEndian.AppendUint16([]byte{0, 16}, uint16(len(t.Payload[i])<<3)), t.Payload[i]...)}
				}
				for k, b := range payloads {
					out = append(out, packet{t.Track, at, media.RTPHeader{
						Sequence: sequence[t.Track], Time: pts, SSRC: uint32(t.Track + 1), Marker: k == len(payloads)-1,
					}, b})
					sequence[t.Track]++
				}
				dts += media.MediaTime(s.Duration)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b packet) int { return int(a.at - b.at) })
	return out
}

// nals are the payloads of a picture's packets (RFC 6184 sections 5.6 and 5.8).
func nals(avcc []byte) [][]byte {
	const most = 1200
	var out [][]byte
	for len(avcc) > 4 {
		n := int(binary.BigEndian.Uint32(avcc))
		nal := avcc[4 : 4+n]
		avcc = avcc[4+n:]
		if len(nal) <= most {
			out = append(out, nal)
			continue
		}
		indicator, kind := nal[0]&0xe0|28, nal[0]&0x1f
		begin := byte(0x80)
		for nal = nal[1:]; len(nal) > 0; begin = 0 {
			piece := nal[:min(most, len(nal))]
			nal = nal[len(piece):]
			flags := begin
			if len(nal) == 0 {
				flags |= 0x40
			}
			out = append(out, append([]byte{indicator, kind | flags}, piece...))
		}
	}
	return out
}

// assemble has the real assembler make parts of a clip's packets.
func assemble(tb testing.TB, clip *footage.Clip, r *media.Run) []*media.Part {
	tb.Helper()
	tracks := slices.Clone(clip.Format.Tracks)
	for i := range tracks {
		if tracks[i].Codec == media.AAC {
			tracks[i].SizeLength, tracks[i].IndexLength, tracks[i].IndexDeltaLength = 13, 3, 3
		}
	}
	var parts []*media.Part
	a := media.NewAssembler(media.AssemblerOptions{
		Run: r, Tracks: tracks,
		Part:  func(p *media.Part) { parts = append(parts, p) },
		Error: func(err error) { tb.Error(err) },
	})
	for _, p := range packets(clip) {
		if err := a.Packet(p.track, p.header, p.payload, r.Start.Add(p.at)); err != nil {
			tb.Fatal(err)
		}
	}
	a.Close()
	return parts
}
