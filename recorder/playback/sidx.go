package playback

import (
	"encoding/binary"
	"math"

	"github.com/stockade-nvr/stockade/recorder/segment"
	"github.com/stockade-nvr/stockade/streams/fmp4"
)

const (
	sidxFixed = 40
	sidxRow   = 12
	// maxReferences is what the count of references can say.
	maxReferences = math.MaxUint16
)

// appendIndex appends a sidx for each track, the leading one's first. All refer to
// the same fragments at the same times: players that find no index of a track
// take another track's, and some (FFmpeg up to 5.1 at least) without minding that
// its clock is another. Earliest is in ticks of the leading track.
func appendIndex(dst []byte, file *segment.File, earliest int64, fragments []fragment) []byte {
	order := []int{file.Leading}
	for i := range file.Tracks {
		if i != file.Leading {
			order = append(order, i)
		}
	}
	for n, i := range order {
		behind := sidxSize(len(fragments)) * (len(order) - 1 - n)
		dst = appendSidx(dst, &file.Tracks[i], file.Tracks[file.Leading].ClockRate, earliest, behind, fragments)
	}
	return dst
}

func sidxSize(references int) int { return sidxFixed + sidxRow*references }

// appendSidx appends a segment index (ISO/IEC 14496-12 section 8.16.3) of what
// begins a number of bytes behind it. Earliest and durations are in ticks of rate.
func appendSidx(dst []byte, t *segment.Track, rate int, earliest int64, behind int, fragments []fragment) []byte {
	be := binary.BigEndian
	dst = fmp4.AppendFull(dst, sidxSize(len(fragments)), "sidx", 1<<24)
	dst = be.AppendUint32(dst, t.ID)
	dst = be.AppendUint32(dst, uint32(t.ClockRate))
	ticks := max(0, earliest)
	at := rescale(ticks, rate, t.ClockRate)
	dst = be.AppendUint64(dst, uint64(at))
	dst = be.AppendUint64(dst, uint64(behind))
	dst = be.AppendUint32(dst, uint32(len(fragments)))
	for _, f := range fragments {
		dst = be.AppendUint32(dst, uint32(min(f.size, math.MaxInt32)))
		ticks += f.duration
		next := rescale(ticks, rate, t.ClockRate) // not the sum of what was rounded
		dst = be.AppendUint32(dst, uint32(min(next-at, math.MaxUint32)))
		at = next
		var sap uint32
		if f.random {
			sap = 1<<31 | 1<<28 // starts with an access point of type 1
		}
		dst = be.AppendUint32(dst, sap)
	}
	return dst
}
