package fmp4

import (
	"encoding/binary"

	"github.com/stockade-nvr/stockade/streams/media"
)

// Sizes of the boxes of a fragment, in bytes. A traf has tfhd, tfdt and one trun
// with all its fields.
const (
	BoxHeader = 8
	MfhdSize  = 16
	TfhdSize  = 16
	TfdtSize  = 20 // version 1: 64-bit time
	TrunHead  = 20
	TrunRow   = 16 // duration, size, flags, composition offset
)

// Versions and flags of tfhd and trun as they are written (ISO/IEC 14496-12
// sections 8.8.7 and 8.8.8), and the bit of a sample that is no sync sample
// (section 8.8.3.1).
const (
	TfhdFlags = 0x020000 // default-base-is-moof
	TfdtFlags = 1 << 24
	TrunFlags = 1<<24 | trunFields
	NonSync   = 0x01_0000
)

const (
	dataOffsetPresent        = 0x000001
	sampleDurationPresent    = 0x000100
	sampleSizePresent        = 0x000200
	sampleFlagsPresent       = 0x000400
	compositionOffsetPresent = 0x000800

	trunFields = dataOffsetPresent | sampleDurationPresent | sampleSizePresent | sampleFlagsPresent | compositionOffsetPresent

	flagsSync    = 2 << 24         // depends on no other sample
	flagsNonSync = 1<<24 | NonSync // depends on others, is no sync sample
)

// TrafSize is the length of a traf, in bytes.
func TrafSize(samples int) int {
	return BoxHeader + TfhdSize + TfdtSize + TrunHead + TrunRow*samples
}

func moofSize(p *media.Part) int {
	n := BoxHeader + MfhdSize
	for i := range p.Tracks {
		n += TrafSize(len(p.Tracks[i].Samples))
	}
	return n
}

// FragmentSize is the length of what AppendFragment appends, in bytes.
func FragmentSize(p *media.Part) int { return moofSize(p) + BoxHeader }

// AppendFragment appends moof and the header of mdat for a part. What has to
// follow is the payload of each of p.Tracks, in their order: nothing else.
func AppendFragment(dst []byte, sequence uint32, p *media.Part) []byte {
	size := moofSize(p)
	dst = AppendMoof(dst, size, sequence)
	offset := size + BoxHeader
	for i := range p.Tracks {
		t := &p.Tracks[i]
		dst = AppendTraf(dst, uint32(t.Track+1), t.BaseDTS, len(t.Samples), offset)
		for _, s := range t.Samples {
			dst = AppendRow(dst, s)
		}
		offset += t.Bytes()
	}
	return AppendBox(dst, offset-size, "mdat")
}

// AppendUnit appends a fragment of one access unit, payload included, for
// viewers that cannot wait for a part. The duration, in ticks of the track, is
// an estimate; the next fragment's time counts.
func AppendUnit(dst []byte, sequence uint32, u *media.AccessUnit, duration media.MediaTime) []byte {
	size := BoxHeader + MfhdSize + TrafSize(1)
	payload := u.Bytes()
	dst = AppendMoof(dst, size, sequence)
	dst = AppendTraf(dst, uint32(u.Track+1), u.DTS, 1, size+BoxHeader)
	dst = AppendRow(dst, media.Sample{
		Duration: uint32(min(max(duration, 0), 1<<32-1)), PTSOffset: int32(u.PTS - u.DTS),
		Size: uint32(payload), RandomAccess: u.RandomAccess,
	})
	dst = AppendBox(dst, BoxHeader+payload, "mdat")
	for _, b := range u.Payload {
		dst = append(dst, b...)
	}
	return dst
}

// UnitSize is the length of what AppendUnit appends, in bytes.
func UnitSize(u *media.AccessUnit) int {
	return BoxHeader + MfhdSize + TrafSize(1) + BoxHeader + u.Bytes()
}

// AppendBox appends the header of a box of size bytes.
func AppendBox(dst []byte, size int, kind string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	return append(dst, kind...)
}

// AppendFull appends the header of a box with version and flags.
func AppendFull(dst []byte, size int, kind string, versionAndFlags uint32) []byte {
	return binary.BigEndian.AppendUint32(AppendBox(dst, size, kind), versionAndFlags)
}

// AppendMoof appends the header of a moof of size bytes and its mfhd. What has to
// follow are its trafs.
func AppendMoof(dst []byte, size int, sequence uint32) []byte {
	dst = AppendBox(dst, size, "moof")
	return binary.BigEndian.AppendUint32(AppendFull(dst, MfhdSize, "mfhd", 0), sequence)
}

// AppendTraf appends a track's boxes up to the rows of its trun, which have to
// follow. The payload of the first sample lies at an offset from the moof.
func AppendTraf(dst []byte, trackID uint32, base media.MediaTime, samples, offset int) []byte {
	be := binary.BigEndian
	dst = AppendBox(dst, TrafSize(samples), "traf")
	dst = be.AppendUint32(AppendFull(dst, TfhdSize, "tfhd", TfhdFlags), trackID)
	dst = be.AppendUint64(AppendFull(dst, TfdtSize, "tfdt", TfdtFlags), uint64(max(base, 0)))
	dst = AppendFull(dst, TrunHead+TrunRow*samples, "trun", TrunFlags)
	dst = be.AppendUint32(dst, uint32(samples))
	return be.AppendUint32(dst, uint32(offset))
}

// AppendRow appends a sample's row of a trun.
func AppendRow(dst []byte, s media.Sample) []byte {
	flags := uint32(flagsNonSync)
	if s.RandomAccess {
		flags = flagsSync
	}
	dst = binary.BigEndian.AppendUint32(dst, s.Duration)
	dst = binary.BigEndian.AppendUint32(dst, s.Size)
	dst = binary.BigEndian.AppendUint32(dst, flags)
	return binary.BigEndian.AppendUint32(dst, uint32(s.PTSOffset))
}
