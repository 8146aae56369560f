package proof

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// Each hash begins with what it is a hash of, so that none passes for another.
const (
	genesisDomain = "stockade list 1\n"
	linkDomain    = "stockade chain 1\n"
)

// Hash is a SHA-256 in a chain. As text it is 64 hexadecimal digits.
type Hash [sha256.Size]byte

// String writes the hash as 64 lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes what String writes.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

var errHash = errors.New("a hash is 64 lower-case hexadecimal digits")

// UnmarshalText reads what String wrote, and nothing else.
func (h *Hash) UnmarshalText(text []byte) error {
	var got Hash
	if len(text) != hex.EncodedLen(len(got)) {
		return errHash
	}
	if _, err := hex.Decode(got[:], text); err != nil || got.String() != string(text) {
		return errHash
	}
	*h = got
	return nil
}

// Genesis is the hash before the first record of a list. Lists of different
// names have nothing in common: no record of one fits into another.
func Genesis(list string) Hash { return sha256.Sum256([]byte(genesisDomain + list)) }

// Link is the hash of a record: SHA-256 over the domain, the hash of the record
// before (32 bytes), the record's number (8 bytes, big endian) and its body. Only
// the last has no fixed length, so no two inputs look the same.
func Link(prev Hash, seq uint64, body []byte) Hash {
	var room [1024]byte // on the stack: most bodies fit
	b := append(room[:0], linkDomain...)
	b = append(b, prev[:]...)
	b = binary.BigEndian.AppendUint64(b, seq)
	return sha256.Sum256(append(b, body...))
}

// Record is one record of a list. Numbers begin with 1 and have no holes. It
// carries the hash before it too, so that each can be checked by itself: when
// two do not fit together, that tells which of them was changed.
type Record struct {
	Seq  uint64
	Prev Hash // of the record before; Genesis for the first
	Hash Hash // Link(Prev, Seq, Body)
	Body []byte
}

// recordFormat is the first byte of a stored record.
const recordFormat = 1

const recordHead = 1 + 2*sha256.Size

// ErrRecord says that stored bytes are no record.
var ErrRecord = errors.New("not a record")

// Next makes the record that follows another.
func Next(prev Hash, seq uint64, body []byte) Record {
	return Record{Seq: seq, Prev: prev, Hash: Link(prev, seq, body), Body: body}
}

// Encode writes a record as it is stored, without its number, which is its key:
//
//	format  1 byte, 1
//	prev    32 bytes
//	hash    32 bytes
//	body    the rest
func (r Record) Encode() []byte {
	b := append(make([]byte, 0, recordHead+len(r.Body)), recordFormat)
	b = append(b, r.Prev[:]...)
	b = append(b, r.Hash[:]...)
	return append(b, r.Body...)
}

// DecodeRecord reads what Encode wrote. The body is a part of stored, not a copy.
func DecodeRecord(seq uint64, stored []byte) (Record, error) {
	switch {
	case len(stored) < recordHead:
		return Record{Seq: seq}, fmt.Errorf("read record %d: %w: %d bytes are too few", seq, ErrRecord, len(stored))
	case stored[0] != recordFormat:
		return Record{Seq: seq}, fmt.Errorf("read record %d: %w: format %d is not known", seq, ErrRecord, stored[0])
	}
	return Record{
		Seq: seq, Prev: Hash(stored[1 : 1+sha256.Size]), Hash: Hash(stored[1+sha256.Size : recordHead]),
		Body: stored[recordHead:],
	}, nil
}

// genuine reports whether a record fits its own hash under a number.
func (r Record) genuine(seq uint64) bool { return Link(r.Prev, seq, r.Body) == r.Hash }
