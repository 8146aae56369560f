package playback

import (
	"encoding/binary"
	"errors"
)

// Sizes and flags of the boxes that recorder/segment writes (ISO/IEC 14496-12
// section 8.8): moof holds mfhd and a traf per track; traf holds tfhd, tfdt of
// version 1 and one trun with all its fields.
const (
	boxHeader = 8
	mfhdSize  = 16
	tfhdSize  = 16
	tfdtSize  = 20
	trunHead  = 20
	trunRow   = 16 // duration, size, flags, composition offset

	tfhdFlags = 0x020000         // default-base-is-moof
	trunFlags = 1<<24 | 0x000f01 // version 1, data offset and the four fields of a row
	nonSync   = 0x010000
	syncFlags = 2 << 24 // depends on no other sample

	// stillSize is the moof of one sample of one track, in bytes.
	stillSize = boxHeader + mfhdSize + boxHeader + tfhdSize + tfdtSize + trunHead + trunRow

	// maxMoof is far more than the moof of any part that we write, in bytes.
	maxMoof = 1 << 20
)

// moof is what has to be known of a part's moof.
type moof struct {
	size  int
	trafs []traf
}

// traf is a track in a moof.
type traf struct {
	track uint32
	time  int64  // of the first sample, movie time of the segment
	data  int64  // of the first sample's payload, from the beginning of the moof
	rows  []byte // of trun
}

// row is a sample.
type row struct {
	duration, size uint32
	offset         int32 // presentation after decoding
	sync           bool
}

func (t *traf) samples() int { return len(t.rows) / trunRow }

func (t *traf) sample(i int) row {
	b := t.rows[i*trunRow:]
	be := binary.BigEndian
	return row{
		duration: be.Uint32(b), size: be.Uint32(b[4:]),
		sync: be.Uint32(b[8:])&nonSync == 0, offset: int32(be.Uint32(b[12:])),
	}
}

// end is the decode time of what follows the last sample.
func (t *traf) end() int64 {
	end := t.time
	for i := range t.samples() {
		end += int64(t.sample(i).duration)
	}
	return end
}

// bytes is the length of the payload.
func (t *traf) bytes() int64 {
	n := int64(0)
	for i := range t.samples() {
		n += int64(t.sample(i).size)
	}
	return n
}

var errMoof = errors.New("moof: not as written")

// moofSize reads how long the moof is with which b begins.
func moofSize(b []byte) (int, error) {
	if len(b) < boxHeader || string(b[4:8]) != "moof" {
		return 0, errMoof
	}
	size := binary.BigEndian.Uint32(b)
	if size < boxHeader+mfhdSize || size > maxMoof {
		return 0, errMoof
	}
	return int(size), nil
}

// parseMoof reads a whole moof and nothing behind it.
func parseMoof(b []byte) (moof, error) {
	be := binary.BigEndian
	size, err := moofSize(b)
	if err != nil || size != len(b) || !is(b[boxHeader:], "mfhd", mfhdSize) {
		return moof{}, errMoof
	}
	m := moof{size: size}
	for at := boxHeader + mfhdSize; at < size; {
		const fixed = boxHeader + tfhdSize + tfdtSize + trunHead
		t := b[at:]
		if len(t) < fixed || string(t[4:8]) != "traf" || int64(be.Uint32(t)) > int64(len(t)) || be.Uint32(t) < fixed {
			return moof{}, errMoof
		}
		t = t[:be.Uint32(t)]
		f, err := parseTraf(t)
		if err != nil {
			return moof{}, err
		}
		m.trafs = append(m.trafs, f)
		at += len(t)
	}
	return m, nil
}

// parseTraf reads a traf that has at least its fixed parts.
func parseTraf(t []byte) (traf, error) {
	be := binary.BigEndian
	tfhd := t[boxHeader:]
	tfdt := tfhd[tfhdSize:]
	trun := tfdt[tfdtSize:]
	rows := trun[trunHead:]
	if !is(tfhd, "tfhd", tfhdSize) || be.Uint32(tfhd[8:]) != tfhdFlags ||
		!is(tfdt, "tfdt", tfdtSize) || be.Uint32(tfdt[8:]) != 1<<24 ||
		!is(trun, "trun", len(trun)) || be.Uint32(trun[8:]) != trunFlags ||
		int64(be.Uint32(trun[12:]))*trunRow != int64(len(rows)) {
		return traf{}, errMoof
	}
	time := be.Uint64(tfdt[12:])
	if time > maxTicks {
		return traf{}, errMoof
	}
	return traf{
		track: be.Uint32(tfhd[12:]), time: int64(time),
		data: int64(int32(be.Uint32(trun[16:]))), rows: rows,
	}, nil
}

func is(b []byte, name string, size int) bool {
	return len(b) >= size && string(b[4:8]) == name && binary.BigEndian.Uint32(b) == uint32(size)
}

func appendBox(dst []byte, size int, name string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	return append(dst, name...)
}

func appendFull(dst []byte, size int, name string, versionAndFlags uint32) []byte {
	dst = appendBox(dst, size, name)
	return binary.BigEndian.AppendUint32(dst, versionAndFlags)
}
