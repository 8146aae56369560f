package auth

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

// cost is what one argon2id hash takes.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// usualCost is the cost of new hashes, about 25 ms of one core. A password whose
// hash has another cost is hashed anew when it is next proved.
func usualCost() cost { return cost{memory: 19 << 10, passes: 2, threads: 1} }

// Sizes of new hashes, and bounds of the cost of a stored one that is believed.
const (
	saltBytes = 16
	hashBytes = 32

	maxCostMemory = 256 << 10 // KiB
	maxCostPasses = 16
)

// hash is argon2id in the usual notation: $argon2id$v=19$m=19456,t=2,p=1$salt$hash
type hash struct {
	cost      cost
	salt, sum []byte
}

// hash hashes a password that normalPassword has given.
func (c cost) hash(password string) hash {
	h := hash{cost: c, salt: random(saltBytes)}
	h.sum = h.of(password)
	return h
}

func (h hash) of(password string) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.cost.passes, h.cost.memory, h.cost.threads, hashBytes)
}

// is reports whether the password has this hash.
func (h hash) is(password string) bool {
	return subtle.ConstantTimeCompare(h.of(password), h.sum) == 1
}

func (h hash) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.cost.memory, h.cost.passes, h.cost.threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.sum))
}

// parseHash reads what String wrote. The error has nothing of the hash in it.
func parseHash(s string) (hash, error) {
	var h hash
	bad := fmt.Errorf("read a password's hash: %d bytes that are no argon2id hash", len(s))
	fields := strings.Split(s, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" || fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, bad
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.cost.memory, &h.cost.passes, &h.cost.threads); err != nil {
		return h, bad
	}
	if h.cost.memory < 8 || h.cost.memory > maxCostMemory || h.cost.passes < 1 || h.cost.passes > maxCostPasses || h.cost.threads < 1 {
		return h, bad
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.Strict().DecodeString(fields[4]); err != nil || len(h.salt) < 8 || len(h.salt) > 64 {
		return h, bad
	}
	if h.sum, err = base64.RawStdEncoding.Strict().DecodeString(fields[5]); err != nil || len(h.sum) != hashBytes {
		return h, bad
	}
	if h.String() != s {
		return h, bad
	}
	return h, nil
}

// lane lets one hash be worked out at a time and a bounded number wait.
type lane struct {
	turn    chan struct{} // holds one
	waiting atomic.Int64
}

const maxWaiting = 64 // a second and a half

// hasher works hashes out in two lanes: strangers, however many, hold up no
// device that is known.
type hasher struct {
	known, strangers lane
	cost             cost // of new hashes
	dummy            hash // of no password: what is tried when there is none
}

func newHasher(c cost) *hasher {
	h := &hasher{cost: c, dummy: hash{cost: c, salt: random(saltBytes), sum: random(hashBytes)}}
	h.known.turn, h.strangers.turn = make(chan struct{}, 1), make(chan struct{}, 1)
	return h
}

// do runs work in its turn. When too many wait, it is refused.
func (h *hasher) do(known bool, work func()) error {
	l := &h.strangers
	if known {
		l = &h.known
	}
	if l.waiting.Add(1) > maxWaiting {
		l.waiting.Add(-1)
		return &Error{
			Kind: Locked, Message: "too many people sign in at this moment", Fix: "try again in a few seconds",
			RetryAfter: 2 * time.Second,
		}
	}
	defer l.waiting.Add(-1)
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	work()
	return nil
}

// check reports whether the password is the one stored. It takes as long when
// there is none, or when the password cannot be one. fresh is a new hash to be
// stored when the cost of new ones has changed, else empty.
func (h *hasher) check(stored, password string, known bool) (right bool, fresh string, err error) {
	against := h.dummy
	if stored != "" {
		if against, err = parseHash(stored); err != nil {
			return false, "", err
		}
	}
	password, ok := normalPassword(password)
	err = h.do(known, func() {
		right = against.is(password) && ok && stored != ""
		if right && against.cost != h.cost {
			fresh = h.cost.hash(password).String()
		}
	})
	return right, fresh, err
}

// hash works out the hash of a new password.
func (h *hasher) hash(password string) (stored string, err error) {
	err = h.do(true, func() { stored = h.cost.hash(password).String() })
	return stored, err
}
