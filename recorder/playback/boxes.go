package playback

import (
	"encoding/binary"
	"errors"

	"github.com/stockade-nvr/stockade/streams/fmp4"
)

// maxMoof is far more than the moof of any part that we write, in bytes.
const maxMoof = 1 << 20

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

func (t *traf) samples() int { return len(t.rows) / fmp4.TrunRow }

func (t *traf) sample(i int) row {
	b := t.rows[i*fmp4.TrunRow:]
	be := binary.BigEndian
	return row{
		duration: be.Uint32(b), size: be.Uint32(b[4:]),
		sync: be.Uint32(b[8:])&fmp4.NonSync == 0, offset: int32(be.Uint32(b[12:])),
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
	if len(b) < fmp4.BoxHeader || string(b[4:8]) != "moof" {
		return 0, errMoof
	}
	size := binary.BigEndian.Uint32(b)
	if size < fmp4.BoxHeader+fmp4.MfhdSize || size > maxMoof {
		return 0, errMoof
	}
	return int(size), nil
}

// parseMoof reads a whole moof and nothing behind it.
func parseMoof(b []byte) (moof, error) {
	be := binary.BigEndian
	size, err := moofSize(b)
	if err != nil || size != len(b) || !is(b[fmp4.BoxHeader:], "mfhd", fmp4.MfhdSize) {
		return moof{}, errMoof
	}
	m := moof{size: size}
	for at := fmp4.BoxHeader + fmp4.MfhdSize; at < size; {
		const fixed = fmp4.BoxHeader + fmp4.TfhdSize + fmp4.TfdtSize + fmp4.TrunHead
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
	tfhd := t[fmp4.BoxHeader:]
	tfdt := tfhd[fmp4.TfhdSize:]
	trun := tfdt[fmp4.TfdtSize:]
	rows := trun[fmp4.TrunHead:]
	if !is(tfhd, "tfhd", fmp4.TfhdSize) || be.Uint32(tfhd[8:]) != fmp4.TfhdFlags ||
		!is(tfdt, "tfdt", fmp4.TfdtSize) || be.Uint32(tfdt[8:]) != fmp4.TfdtFlags ||
		!is(trun, "trun", len(trun)) || be.Uint32(trun[8:]) != fmp4.TrunFlags ||
		int64(be.Uint32(trun[12:]))*fmp4.TrunRow != int64(len(rows)) {
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
