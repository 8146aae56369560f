package lab

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"time"
)

// Every access unit of a simulated camera begins with a supplemental message
// (user data unregistered, ISO/IEC 14496-10 annex D.2.7, 23008-2 annex D.3.7)
// that says which frame of which camera it is and when it was sent. It survives
// depacketizing, recording and muxing unchanged, so a test counts lost frames
// exactly, in a stream as in a file.
//
// After the identifier come 24 bytes of a record (frame, camera, stream, send
// time, CRC-32), 7 bits to a byte with the highest bit set: no byte is ever 0 to
// 3, so emulation prevention never touches them.
const (
	markID     = "stockade-lab-mrk" // 16 bytes, in place of a UUID
	markRecord = 8 + 2 + 2 + 8 + 4
	markWire   = (markRecord*8 + 6) / 7
	markBytes  = len(markID) + markWire
)

// Mark identifies one frame that a simulated camera sent.
type Mark struct {
	Frame  uint64 // counts without a gap while the camera lives
	Camera int    // Camera.Number
	Stream int    // 0 main, 1 sub
	Sent   time.Time
}

// markNAL is the mark as a NAL unit.
func markNAL(m Mark, h265 bool) []byte {
	record := make([]byte, 0, markRecord)
	record = binary.BigEndian.AppendUint64(record, m.Frame)
	record = binary.BigEndian.AppendUint16(record, uint16(m.Camera))
	record = binary.BigEndian.AppendUint16(record, uint16(m.Stream))
	record = binary.BigEndian.AppendUint64(record, uint64(m.Sent.UnixMicro()))
	record = binary.BigEndian.AppendUint32(record, crc32.ChecksumIEEE(record))

	nal := []byte{6} // SEI
	if h265 {
		nal = []byte{39 << 1, 1} // prefix SEI
	}
	nal = append(nal, 5, byte(markBytes))
	nal = append(nal, markID...)
	var bits, have uint
	for _, b := range record {
		bits, have = bits<<8|uint(b), have+8
		for have >= 7 {
			have -= 7
			nal = append(nal, 0x80|byte(bits>>have&0x7f))
		}
	}
	if have > 0 {
		nal = append(nal, 0x80|byte(bits<<(7-have)&0x7f))
	}
	return append(nal, 0x80)
}

// ReadFrameNumbers finds the marks in b, in order: an access unit in Annex B or
// AVCC form, or a whole file of them.
func ReadFrameNumbers(b []byte) []Mark {
	var marks []Mark
	for {
		i := bytes.Index(b, []byte(markID))
		if i < 0 || len(b) < i+markBytes {
			return marks
		}
		b = b[i+len(markID):]
		if m, ok := readMark(b[:markWire]); ok {
			marks = append(marks, m)
		}
	}
}

func readMark(wire []byte) (Mark, bool) {
	record := make([]byte, 0, markRecord)
	var bits, have uint
	for _, b := range wire {
		if b&0x80 == 0 {
			return Mark{}, false
		}
		bits, have = bits<<7|uint(b&0x7f), have+7
		if have >= 8 {
			have -= 8
			record = append(record, byte(bits>>have))
		}
	}
	if len(record) != markRecord || crc32.ChecksumIEEE(record[:markRecord-4]) != binary.BigEndian.Uint32(record[markRecord-4:]) {
		return Mark{}, false
	}
	return Mark{
		Frame:  binary.BigEndian.Uint64(record),
		Camera: int(binary.BigEndian.Uint16(record[8:])),
		Stream: int(binary.BigEndian.Uint16(record[10:])),
		Sent:   time.UnixMicro(int64(binary.BigEndian.Uint64(record[12:]))),
	}, true
}
