package proof

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// headDomain keeps a signature of a head from passing for one of anything else.
const headDomain = "stockade head 1\n"

// MaxHead is the most bytes that a head takes as text.
const MaxHead = 1 << 10

const maxListName = 128

// Head says which record was the last of a list at a time, signed.
type Head struct {
	List      string    `json:"list"`
	Seq       uint64    `json:"seq"` // 0: the list was empty
	Hash      Hash      `json:"hash"`
	Time      time.Time `json:"time"` // UTC
	Key       KeyID     `json:"key"`
	Signature []byte    `json:"signature"`
}

// ErrHead says that a text is no head.
var ErrHead = errors.New("not a signed head")

// canonical is what is signed. No field can hold a line feed, so no two heads look the same:
//
//	stockade head 1
//	LIST
//	SEQ, decimal
//	HASH, 64 hexadecimal digits
//	TIME, RFC 3339 with nanoseconds as far as they are not zero, Z
//	KEY, 32 hexadecimal digits
//
// with a line feed behind each line.
func (h Head) canonical() []byte {
	b := append(make([]byte, 0, 384), headDomain...)
	b = append(append(b, h.List...), '\n')
	b = append(strconv.AppendUint(b, h.Seq, 10), '\n')
	b = append(hex.AppendEncode(b, h.Hash[:]), '\n')
	b = append(h.Time.AppendFormat(b, time.RFC3339Nano), '\n')
	return append(append(b, h.Key...), '\n')
}

// Encode writes the head as one line of JSON, without a line feed. There is but
// one way to write a head, so equal heads are equal bytes.
func (h Head) Encode() []byte {
	b, err := json.Marshal(h)
	if err != nil { // only a time beyond year 9999 does not marshal
		panic(fmt.Sprintf("proof: %v", err))
	}
	return b
}

// ParseHead reads what Encode wrote, byte for byte; anything else is ErrHead. It
// does not check the signature: Public.Check does.
func ParseHead(line []byte) (Head, error) {
	var h Head
	if len(line) > MaxHead {
		return Head{}, fmt.Errorf("read head: %w: it has more than %d bytes", ErrHead, MaxHead)
	}
	if err := json.Unmarshal(line, &h); err != nil {
		return Head{}, fmt.Errorf("read head: %w: %w", ErrHead, err)
	}
	switch {
	case !validList(h.List):
		return Head{}, fmt.Errorf("read head: %w: its list has no name", ErrHead)
	case len(h.Signature) != ed25519.SignatureSize:
		return Head{}, fmt.Errorf("read head: %w: its signature has %d bytes", ErrHead, len(h.Signature))
	case !validKeyID(h.Key):
		return Head{}, fmt.Errorf("read head: %w: it names no key", ErrHead)
	case h.Time.Location() != time.UTC || h.Time.Year() < 1970:
		return Head{}, fmt.Errorf("read head: %w: its time is not a UTC time since 1970", ErrHead)
	case !bytes.Equal(h.Encode(), line):
		return Head{}, fmt.Errorf("read head: %w: it is not written the way heads are", ErrHead)
	}
	return h, nil
}

// validList accepts names that need no escape anywhere.
func validList(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' && c != '/' {
			return false
		}
	}
	return s != "" && len(s) <= maxListName
}

func validKeyID(id KeyID) bool {
	raw, err := hex.DecodeString(string(id))
	return err == nil && len(raw) == 16 && hex.EncodeToString(raw) == string(id)
}
