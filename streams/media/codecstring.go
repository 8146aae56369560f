package media

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// CodecString names the codec as browsers want it (RFC 6381 section 3.3;
// ISO/IEC 14496-15 annex E for H.265). It is empty as long as the parameters
// of the track are missing.
func (t *Track) CodecString() string {
	switch t.Codec {
	case H264:
		if len(t.SPS) < 4 {
			return ""
		}
		return fmt.Sprintf("avc1.%02X%02X%02X", t.SPS[1], t.SPS[2], t.SPS[3])
	case H265:
		return h265CodecString(t.SPS)
	case AAC:
		if len(t.AudioConfig) == 0 {
			return ""
		}
		return fmt.Sprintf("mp4a.40.%d", audioObjectType(t.AudioConfig))
	default:
		return ""
	}
}

// h265CodecString reads profile_tier_level, which begins with the fourth byte
// of the SPS (ISO/IEC 23008-2 section 7.3.2.2 and 7.3.3).
func h265CodecString(sps []byte) string {
	sps = h264.EmulationPreventionRemove(sps[:min(len(sps), 32)])
	if len(sps) < 15 {
		return ""
	}
	var b strings.Builder
	b.WriteString("hvc1.")
	if space := sps[3] >> 6; space > 0 {
		b.WriteByte('A' + space - 1)
	}
	compatibility := uint32(sps[4])<<24 | uint32(sps[5])<<16 | uint32(sps[6])<<8 | uint32(sps[7])
	tier := byte('L')
	if sps[3]&0x20 != 0 {
		tier = 'H'
	}
	fmt.Fprintf(&b, "%d.%X.%c%d", sps[3]&0x1f, bits.Reverse32(compatibility), tier, sps[14])

	constraints := sps[8:14]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	for _, c := range constraints {
		fmt.Fprintf(&b, ".%X", c)
	}
	return b.String()
}

// audioObjectType reads the first field of an AudioSpecificConfig
// (ISO/IEC 14496-3 section 1.6.2.1).
func audioObjectType(config []byte) int {
	if kind := int(config[0] >> 3); kind != 31 {
		return kind
	}
	if len(config) < 2 {
		return 31
	}
	return 32 + int(config[0]&7)<<3 + int(config[1]>>5)
}
