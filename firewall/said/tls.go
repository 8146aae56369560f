package said

import (
	"bytes"
	"encoding/binary"
)

// Numbers of TLS (RFC 8446, 6066, 9147).
const (
	recordHandshake = 22
	clientHello     = 1
	extServerName   = 0
	nameHost        = 0
	randomSize      = 32

	recordHeader    = 5
	handshakeHeader = 4
	// DTLS has an epoch and a sequence number in each record, and a place for its
	// part of the message in each handshake.
	datagramRecordHeader    = 13
	datagramHandshakeHeader = 12
)

// recordName gives the server name of a TLS hello that begins a TCP segment.
func recordName(b []byte) string {
	if len(b) < recordHeader || b[0] != recordHandshake || b[1] != 3 {
		return ""
	}
	end := min(len(b), recordHeader+int(binary.BigEndian.Uint16(b[3:])))
	return helloName(b[recordHeader:end])
}

// helloName gives the server name of a handshake message, which may end anywhere.
func helloName(b []byte) string {
	if len(b) < handshakeHeader || b[0] != clientHello {
		return ""
	}
	return serverName(b[handshakeHeader:], false)
}

// datagramName gives the server name of a DTLS hello that begins a datagram.
func datagramName(b []byte) string {
	const head = datagramRecordHeader + datagramHandshakeHeader
	if len(b) < head || b[0] != recordHandshake || b[1] != 0xfe || b[datagramRecordHeader] != clientHello {
		return ""
	}
	if !bytes.Equal(b[datagramRecordHeader+6:datagramRecordHeader+9], []byte{0, 0, 0}) {
		return "" // not the first part of the message
	}
	return serverName(b[head:], true)
}

// serverName walks a ClientHello, of which the end may be missing, to its server name.
func serverName(b []byte, datagram bool) string {
	r := reader{b, true}
	r.skip(2 + randomSize)
	r.skip(r.number(1)) // session id
	if datagram {
		r.skip(r.number(1)) // cookie
	}
	r.skip(r.number(2)) // cipher suites
	r.skip(r.number(1)) // compression
	r.number(2)         // length of the extensions: they end where they end
	for r.ok {
		kind, size := r.number(2), r.number(2)
		if kind != extServerName {
			r.skip(size)
			continue
		}
		if !r.ok || size < 5 || size > len(r.rest) {
			return "" // cut off within the name: half of it is another name
		}
		list := reader{r.rest[2:size], true}
		for list.ok {
			kind, name := list.number(1), list.bytes(list.number(2))
			if list.ok && kind == nameHost {
				return hostText(name)
			}
		}
		return ""
	}
	return ""
}

// reader takes from the front of what is left; ok turns false where that ends.
type reader struct {
	rest []byte
	ok   bool
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.rest) {
		r.rest, r.ok = nil, false
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) skip(n int) { r.bytes(n) }

// number reads a big-endian number of so many bytes.
func (r *reader) number(size int) (n int) {
	for _, b := range r.bytes(size) {
		n = n<<8 | int(b)
	}
	return n
}
