package footage

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
)

// Packet is one RTP packet of a clip, without its wire format.
type Packet struct {
	Track   int
	Header  media.RTPHeader
	Payload []byte
	At      time.Duration // when it is sent, from the beginning of the clip
}

// maxPayload is what fits an Ethernet frame, in bytes.
const maxPayload = 1400

// Packets gives the clip as a camera would send it. Tracks of the clip's Format
// get what an SDP would say.
func (c *Clip) Packets(tb testing.TB) ([]media.Track, []Packet) {
	tb.Helper()
	tracks := make([]media.Track, len(c.tracks))
	sequence := make([]uint16, len(c.tracks))
	next := make([]int, len(c.tracks))
	for i := range tracks {
		tracks[i] = c.Format.Tracks[i]
		if tracks[i].Codec == media.AAC {
			tracks[i].SizeLength, tracks[i].IndexLength, tracks[i].IndexDeltaLength = 13, 3, 3
		}
	}
	var packets []Packet
	for {
		track, at := -1, time.Duration(0)
		for i, units := range c.tracks {
			if next[i] == len(units) {
				continue
			}
			if t := span(units[next[i]].dts, tracks[i].ClockRate); track < 0 || t < at {
				track, at = i, t
			}
		}
		if track < 0 {
			return tracks, packets
		}
		u := c.tracks[track][next[track]]
		next[track]++
		payloads := packetize(tb, tracks[track].Codec, u.payload)
		for i, payload := range payloads {
			packets = append(packets, Packet{Track: track, At: at, Payload: payload, Header: media.RTPHeader{
				Sequence: sequence[track], Time: media.RTPTime(1000 + u.dts + media.MediaTime(u.sample.PTSOffset)),
				SSRC: uint32(track + 1), PayloadType: uint8(96 + track), Marker: i == len(payloads)-1,
			}})
			sequence[track]++
		}
	}
}

func packetize(tb testing.TB, codec media.Codec, unit []byte) [][]byte {
	tb.Helper()
	switch codec {
	case media.H264: // RFC 6184 section 5.8: fragments of type 28
		return nalUnits(unit, 1, func(head []byte, edge byte) []byte {
			return []byte{head[0]&0xe0 | 28, edge | head[0]&0x1f}
		})
	case media.H265: // RFC 7798 section 4.4.3: fragments of type 49
		return nalUnits(unit, 2, func(head []byte, edge byte) []byte {
			return []byte{head[0]&0x81 | 49<<1, head[1], edge | head[0]>>1&0x3f}
		})
	case media.AAC: // RFC 3640 section 3.3.6: one frame, its header of 16 bits
		b := []byte{0, 16, byte(len(unit) >> 5), byte(len(unit) << 3)}
		return [][]byte{append(b, unit...)}
	default:
		tb.Fatalf("packetize %s", codec)
		return nil
	}
}

// nalUnits sends small NAL units as they are and cuts others into fragments,
// whose header replaces the first head bytes; edge has the start and end bits.
func nalUnits(avcc []byte, head int, header func(head []byte, edge byte) []byte) [][]byte {
	var payloads [][]byte
	for len(avcc) > 4 {
		end := 4 + int(binary.BigEndian.Uint32(avcc))
		nal := avcc[4:end]
		avcc = avcc[end:]
		if len(nal) <= maxPayload {
			payloads = append(payloads, nal)
			continue
		}
		edge := byte(0x80)
		for rest := nal[head:]; len(rest) > 0; edge = 0 {
			n := min(len(rest), maxPayload-3)
			if n == len(rest) {
				edge |= 0x40
			}
			payloads = append(payloads, append(header(nal[:head], edge), rest[:n]...))
			rest = rest[n:]
		}
	}
	return payloads
}
