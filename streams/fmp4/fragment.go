package fmp4

import (
	"encoding/binary"

	"github.com/stockade-nvr/stockade/streams/media"
)

// Sizes of the boxes of a fragment, in bytes.
const (
	boxHeader = 8
	mfhdSize  = 16
	tfhdSize  = 16
	tfdtSize  = 20 // version 1: 64-bit time
	trunHead  = 20
	trunRow   = 16 // duration, size, flags, composition offset
)

// Flags of tfhd, trun and samples (ISO/IEC 14496-12 sections 8.8.7, 8.8.8, 8.8.3.1).
const (
	defaultBaseIsMoof = 0x020000

	dataOffsetPresent        = 0x000001
	sampleDurationPresent    = 0x000100
	sampleSizePresent        = 0x000200
	sampleFlagsPresent       = 0x000400
	compositionOffsetPresent = 0x000800

	trunFlags = dataOffsetPresent | sampleDurationPresent | sampleSizePresent | sampleFlagsPresent | compositionOffsetPresent

	flagsSync    = 2 << 24           // depends on no other sample
	flagsNonSync = 1<<24 | 0x01_0000 // depends on others, is no sync sample
)

func trafSize(samples int) int {
	return boxHeader + tfhdSize + tfdtSize + trunHead + trunRow*samples
}

func moofSize(p *media.Part) int {
	n := boxHeader + mfhdSize
	for i := range p.Tracks {
		n += trafSize(len(p.Tracks[i].Samples))
	}
	return n
}

// FragmentSize is the length of what AppendFragment appends, in bytes.
func FragmentSize(p *media.Part) int { return moofSize(p) + boxHeader }

// AppendFragment appends moof and the header of mdat for a part. What has to
// follow is the payload of each of p.Tracks, in their order: nothing else.
func AppendFragment(dst []byte, sequence uint32, p *media.Part) []byte {
	size := moofSize(p)
	dst = appendBox(dst, size, "moof")
	dst = appendMfhd(dst, sequence)
	offset := size + boxHeader
	for i := range p.Tracks {
		t := &p.Tracks[i]
		dst = appendTraf(dst, t.Track, t.BaseDTS, len(t.Samples), offset)
		for _, s := range t.Samples {
			dst = appendRow(dst, s)
		}
		offset += t.Bytes()
	}
	return appendBox(dst, offset-size, "mdat")
}

// AppendUnit appends a fragment of one access unit, payload included, for
// viewers that cannot wait for a part. The duration, in ticks of the track, is
// an estimate; the next fragment's time counts.
func AppendUnit(dst []byte, sequence uint32, u *media.AccessUnit, duration media.MediaTime) []byte {
	size := boxHeader + mfhdSize + trafSize(1)
	payload := u.Bytes()
	dst = appendBox(dst, size, "moof")
	dst = appendMfhd(dst, sequence)
	dst = appendTraf(dst, u.Track, u.DTS, 1, size+boxHeader)
	dst = appendRow(dst, media.Sample{
		Duration: uint32(min(max(duration, 0), 1<<32-1)), PTSOffset: int32(u.PTS - u.DTS),
		Size: uint32(payload), RandomAccess: u.RandomAccess,
	})
	dst = appendBox(dst, boxHeader+payload, "mdat")
	for _, b := range u.Payload {
		dst = append(dst, b...)
	}
	return dst
}

// UnitSize is the length of what AppendUnit appends, in bytes.
func UnitSize(u *media.AccessUnit) int {
	return boxHeader + mfhdSize + trafSize(1) + boxHeader + u.Bytes()
}

func appendBox(dst []byte, size int, kind string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	return append(dst, kind...)
}

func appendFull(dst []byte, size int, kind string, version byte, flags uint32) []byte {
	dst = appendBox(dst, size, kind)
	return binary.BigEndian.AppendUint32(dst, uint32(version)<<24|flags)
}

func appendMfhd(dst []byte, sequence uint32) []byte {
	dst = appendFull(dst, mfhdSize, "mfhd", 0, 0)
	return binary.BigEndian.AppendUint32(dst, sequence)
}

// appendTraf appends a track's boxes up to the rows of its trun.
func appendTraf(dst []byte, track int, base media.MediaTime, samples, offset int) []byte {
	dst = appendBox(dst, trafSize(samples), "traf")
	dst = appendFull(dst, tfhdSize, "tfhd", 0, defaultBaseIsMoof)
	dst = binary.BigEndian.AppendUint32(dst, uint32(track+1))
	dst = appendFull(dst, tfdtSize, "tfdt", 1, 0)
	dst = binary.BigEndian.AppendUint64(dst, uint64(max(base, 0)))
	dst = appendFull(dst, trunHead+trunRow*samples, "trun", 1, trunFlags)
	dst = binary.BigEndian.AppendUint32(dst, uint32(samples))
	return binary.BigEndian.AppendUint32(dst, uint32(offset))
}

func appendRow(dst []byte, s media.Sample) []byte {
	flags := uint32(flagsNonSync)
	if s.RandomAccess {
		flags = flagsSync
	}
	dst = binary.BigEndian.AppendUint32(dst, s.Duration)
	dst = binary.BigEndian.AppendUint32(dst, s.Size)
	dst = binary.BigEndian.AppendUint32(dst, flags)
	return binary.BigEndian.AppendUint32(dst, uint32(s.PTSOffset))
}
