package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/internal/guarded"
)

// The buckets below "auth", format 1. Ids have no zero byte in them.
//
//	meta           "format"                 → "1"
//	users          user id                  → account, JSON
//	names          nameKey of the name      → user id
//	subjects       provider, 0, subject     → user id
//	credentials    WebAuthn credential id   → user id
//	sessions       SHA-256 of the cookie    → sessionRecord, JSON
//	sessions-of    user id, 0, session id   → SHA-256 of the cookie
//	tokens         SHA-256 of the token     → tokenRecord, JSON
//	tokens-of      user id, 0, token id     → SHA-256 of the token
//	confirmations  confirmation id          → confirmationRecord, JSON
//	failures       who is counted           → failureRecord, JSON
var (
	bucketRoot          = []byte("auth")
	bucketMeta          = []byte("meta")
	bucketUsers         = []byte("users")
	bucketNames         = []byte("names")
	bucketSubjects      = []byte("subjects")
	bucketCredentials   = []byte("credentials")
	bucketSessions      = []byte("sessions")
	bucketSessionsOf    = []byte("sessions-of")
	bucketTokens        = []byte("tokens")
	bucketTokensOf      = []byte("tokens-of")
	bucketConfirmations = []byte("confirmations")
	bucketFailures      = []byte("failures")
)

const storeFormat = "1"

// ErrFormat says that the database was written by a later version.
var ErrFormat = errors.New("the accounts are of a format that this version does not know: install the version that wrote them")

// prepare makes what is missing.
func prepare(db *bbolt.DB) error {
	return guarded.Update(db, func(btx *bbolt.Tx) error {
		root, err := btx.CreateBucketIfNotExists(bucketRoot)
		if err != nil {
			return fmt.Errorf("make accounts: %w", err)
		}
		for _, name := range [][]byte{
			bucketMeta, bucketUsers, bucketNames, bucketSubjects, bucketCredentials, bucketSessions,
			bucketSessionsOf, bucketTokens, bucketTokensOf, bucketConfirmations, bucketFailures,
		} {
			if _, err := root.CreateBucketIfNotExists(name); err != nil {
				return fmt.Errorf("make %s: %w", name, err)
			}
		}
		meta := root.Bucket(bucketMeta)
		switch have := meta.Get([]byte("format")); {
		case have == nil:
			return meta.Put([]byte("format"), []byte(storeFormat))
		case string(have) != storeFormat:
			return ErrFormat
		}
		return nil
	})
}

// tx is a transaction on the accounts, with its one instant.
type tx struct {
	bolt *bbolt.Tx
	root *bbolt.Bucket
	now  time.Time
	a    *Accounts
}

func (a *Accounts) view(fn func(*tx) error) error {
	return a.sound(guarded.View(a.db, func(b *bbolt.Tx) error {
		return fn(&tx{b, b.Bucket(bucketRoot), a.now(), a})
	}))
}

// write makes a change that nobody waits for.
func (a *Accounts) write(fn func(*tx) error) error {
	return a.sound(guarded.Update(a.db, func(b *bbolt.Tx) error {
		return fn(&tx{b, b.Bucket(bucketRoot), a.now(), a})
	}))
}

// sound gives an error on, and tells of a database that is damaged.
func (a *Accounts) sound(err error) error {
	if errors.Is(err, guarded.ErrDamaged) {
		a.opt.Damaged(err)
	}
	return err
}

// update makes a change, all of it or, with an error, nothing. Whoever waits for
// changes is woken.
func (a *Accounts) update(fn func(*tx) error) error {
	err := a.write(fn)
	if err == nil {
		a.changes.tell()
	}
	return err
}

// audit writes an event down with the change. It sets the time.
func (t *tx) audit(e Event) error {
	if t.a.opt.Audit == nil {
		return nil
	}
	e.Time = t.now
	if e.Outcome == "" {
		e.Outcome = outcomeOK
	}
	if err := t.a.opt.Audit(t.bolt, e); err != nil {
		return fmt.Errorf("audit %s: %w", e.Action, err)
	}
	return nil
}

func (t *tx) bucket(name []byte) *bbolt.Bucket { return t.root.Bucket(name) }

// get reads a record; false when there is none.
func (t *tx) get(bucket, key []byte, record any) (bool, error) {
	v := t.bucket(bucket).Get(key)
	if v == nil {
		return false, nil
	}
	if err := json.Unmarshal(v, record); err != nil {
		return false, fmt.Errorf("read %s: %w", bucket, err)
	}
	return true, nil
}

func (t *tx) put(bucket, key []byte, record any) error {
	v, err := json.Marshal(record)
	if err == nil {
		err = t.bucket(bucket).Put(key, v)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", bucket, err)
	}
	return nil
}

func (t *tx) remove(bucket, key []byte) error {
	if err := t.bucket(bucket).Delete(key); err != nil {
		return fmt.Errorf("remove from %s: %w", bucket, err)
	}
	return nil
}

// count counts the keys of a bucket, up to most.
func (t *tx) count(bucket []byte, most int) int {
	n := 0
	c := t.bucket(bucket).Cursor()
	for k, _ := c.First(); k != nil && n < most; k, _ = c.Next() {
		n++
	}
	return n
}

// pair is the key of an index by two ids.
func pair(first, second string) []byte {
	return append(append([]byte(first), 0), second...)
}
