package said

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
)

// quicVersion is what differs between the versions of QUIC that are read.
type quicVersion struct {
	number  uint32
	initial byte   // type of an Initial packet, two bits
	salt    string // of the secret that the connection id gives
	label   string // in front of "key", "iv" and "hp"
}

// versionOf gives version 1 (RFC 9001 §5.2) or 2 (RFC 9369 §3).
func versionOf(number uint32) (quicVersion, bool) {
	switch number {
	case 1:
		return quicVersion{1, 0, "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a", "quic "}, true
	case 0x6b3343cf:
		return quicVersion{0x6b3343cf, 1, "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9", "quicv2 "}, true
	}
	return quicVersion{}, false
}

// Sizes of QUIC (RFC 9000 §17, RFC 9001 §5).
const (
	maxConnectionID = 20
	longHeader      = 6 // flags, version, length of the first connection id
	sampleAt        = 4 // behind the packet number's first byte
	sampleSize      = 16
	keySize         = 16
	ivSize          = 12
)

// quicName gives the server name of a client's QUIC Initial. Its keys follow from the
// connection id in it, so anybody may read it; the tag that shows it unchanged stands
// at the end, which is seldom there, and is not looked at.
func quicName(b []byte) string {
	if len(b) < longHeader || b[0]&0xc0 != 0xc0 {
		return ""
	}
	v, known := versionOf(binary.BigEndian.Uint32(b[1:]))
	if !known || b[0]>>4&3 != v.initial {
		return ""
	}
	r := reader{b[longHeader-1:], true}
	id := r.bytes(r.number(1))
	r.skip(r.number(1)) // the client's own connection id
	r.skip(r.varint())  // token
	r.varint()          // length of what follows
	if !r.ok || len(id) > maxConnectionID || len(r.rest) < sampleAt+sampleSize {
		return ""
	}
	plain, err := v.open(b[0], id, r.rest)
	if err != nil {
		return ""
	}
	return cryptoName(plain)
}

// open decrypts what is there of a packet, from its number on.
func (v quicVersion) open(flags byte, id, protected []byte) ([]byte, error) {
	secret, err := hkdf.Extract(sha256.New, id, []byte(v.salt))
	if err != nil {
		return nil, err
	}
	client, err := expand(secret, "client in", sha256.Size)
	if err != nil {
		return nil, err
	}
	header, err := v.block(client, "hp")
	if err != nil {
		return nil, err
	}
	var mask [sampleSize]byte
	header.Encrypt(mask[:], protected[sampleAt:sampleAt+sampleSize])
	size := int((flags^mask[0])&3) + 1
	var number [4]byte // of the packet, in the last bytes
	for i := range size {
		number[4-size+i] = protected[i] ^ mask[1+i]
	}
	iv, err := expand(client, v.label+"iv", ivSize)
	if err != nil {
		return nil, err
	}
	for i := range number {
		iv[ivSize-4+i] ^= number[i]
	}
	body, err := v.block(client, "key")
	if err != nil {
		return nil, err
	}
	// AES-GCM encrypts by counting from 2 (NIST SP 800-38D §7.1): so is a part of a
	// packet read, without its tag.
	plain := make([]byte, len(protected)-size)
	cipher.NewCTR(body, append(iv, 0, 0, 0, 2)).XORKeyStream(plain, protected[size:])
	return plain, nil
}

// block is the cipher of one of a version's keys.
func (v quicVersion) block(secret []byte, key string) (cipher.Block, error) {
	k, err := expand(secret, v.label+key, keySize)
	if err != nil {
		return nil, err
	}
	return aes.NewCipher(k)
}

// expand is HKDF-Expand-Label without a context (RFC 8446 §7.1).
func expand(secret []byte, label string, size int) ([]byte, error) {
	label = "tls13 " + label
	info := append([]byte{byte(size >> 8), byte(size), byte(len(label))}, label...)
	return hkdf.Expand(sha256.New, secret, string(append(info, 0)), size)
}

// Frames that an Initial may have in front of its hello (RFC 9000 §19).
const (
	framePadding = 0
	framePing    = 1
	frameCrypto  = 6
)

// cryptoName finds the hello's beginning among the frames of an Initial.
func cryptoName(plain []byte) string {
	r := reader{plain, true}
	for r.ok && len(r.rest) > 0 {
		switch r.number(1) {
		case framePadding, framePing:
		case frameCrypto:
			offset, size := r.varint(), r.varint()
			part := r.bytes(min(size, len(r.rest)))
			if r.ok && offset == 0 {
				return helloName(part)
			}
		default:
			return "" // it may be anything by now: what was read proves nothing
		}
	}
	return ""
}

// varint reads a number of one to eight bytes (RFC 9000 §16); one that no packet of
// ours could hold ends the reading.
func (r *reader) varint() int {
	if len(r.rest) == 0 {
		r.ok = false
		return 0
	}
	size := 1 << (r.rest[0] >> 6)
	n := r.number(size) &^ (3 << (8*size - 2))
	if n < 0 || n > 1<<20 {
		r.rest, r.ok = nil, false
		return 0
	}
	return n
}
