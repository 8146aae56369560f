package nflog

import (
	"encoding/binary"
	"math/bits"
	"time"

	kernel "github.com/florianl/go-nflog/v2"
)

// maxStampSkew is how far the kernel's time stamp of a packet may be from now to
// be believed: it is missing, or of another clock, on some paths.
const maxStampSkew = 10 * time.Second

// record is one message as it was copied out of the socket's buffer.
type record struct {
	time      time.Time
	prefix    string
	etherType uint16
	vlan      uint16
	port      uint32 // interface index, of the bridge port where there is one
	header    [14]byte
	headerLen uint8 // 14: a whole Ethernet header; 6: header[6:12] is the source; 0: none
	length    uint16
	payload   [MaxPayload]byte
}

// set copies what is needed of a message.
func (rec *record) set(a *kernel.Attribute, now time.Time) {
	rec.time = now
	if a.Timestamp != nil {
		if d := now.Sub(*a.Timestamp); d > -maxStampSkew && d < maxStampSkew {
			rec.time = *a.Timestamp
		}
	}
	rec.prefix, rec.etherType, rec.vlan, rec.port = "", 0, 0, 0
	if a.Prefix != nil {
		rec.prefix = *a.Prefix
	}
	if a.HwProtocol != nil {
		rec.etherType = *a.HwProtocol
	}
	if a.VLAN != nil {
		rec.vlan = fromNetwork(a.VLAN.TCI) & 0x0fff
	}
	for _, index := range []*uint32{a.PhysInDev, a.InDev, a.PhysOutDev, a.OutDev} {
		if index != nil && *index != 0 {
			rec.port = *index
			break
		}
	}
	rec.headerLen = 0
	switch {
	case a.HwHeader != nil && len(*a.HwHeader) == len(rec.header):
		rec.headerLen = uint8(copy(rec.header[:], *a.HwHeader))
	case a.HwAddr != nil && len(*a.HwAddr) == 6:
		rec.headerLen = uint8(copy(rec.header[6:12], *a.HwAddr))
	}
	rec.length = 0
	if a.Payload != nil {
		rec.length = uint16(copy(rec.payload[:], *a.Payload))
	}
}

// fromNetwork undoes the library's reading of a big-endian attribute in the
// machine's own byte order.
func fromNetwork(v uint16) uint16 {
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		return v
	}
	return bits.ReverseBytes16(v)
}
