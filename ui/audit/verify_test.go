package audit_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/internal/proof"
	"github.com/stockade-nvr/stockade/ui/audit"
)

// tamper changes the database behind the log's back, by a second opening of it.
func (s *site) tamper(change func(tx *bbolt.Tx) error) {
	s.t.Helper()
	s.close()
	db, err := bbolt.Open(s.path(), 0o600, &bbolt.Options{Timeout: time.Second, NoSync: true})
	must(s.t, err)
	must(s.t, db.Update(change))
	must(s.t, db.Close())
	s.db, err = bbolt.Open(s.path(), 0o600, &bbolt.Options{Timeout: time.Second, ReadOnly: true})
	must(s.t, err)
}

func TestVerifyNamesTheFirstBadRecord(t *testing.T) {
	for name, c := range map[string]struct {
		change func(tx *bbolt.Tx) error
		kind   proof.Kind
		seq    uint64
	}{
		"a bit": {func(tx *bbolt.Tx) error {
			v := bytes.Clone(bucket(tx, "records").Get(seqKey(777)))
			v[200] ^= 2
			return bucket(tx, "records").Put(seqKey(777), v)
		}, proof.Changed, 777},
		"a record that is none": {func(tx *bbolt.Tx) error { return bucket(tx, "records").Put(seqKey(777), []byte("?")) }, proof.Changed, 777},
		"one removed":           {func(tx *bbolt.Tx) error { return bucket(tx, "records").Delete(seqKey(777)) }, proof.Removed, 777},
		"one replaced, with a right hash": {func(tx *bbolt.Tx) error {
			b := bucket(tx, "records")
			r, err := proof.DecodeRecord(777, b.Get(seqKey(777)))
			if err != nil {
				return err
			}
			return b.Put(seqKey(777), proof.Next(r.Prev, 777, bytes.Replace(r.Body, []byte("10.0.0.7"), []byte("10.0.0.8"), 1)).Encode())
		}, proof.Changed, 777},
		"one inserted behind the last": {func(tx *bbolt.Tx) error {
			b := bucket(tx, "records")
			r, err := proof.DecodeRecord(3000, b.Get(seqKey(3000)))
			if err != nil {
				return err
			}
			return b.Put(seqKey(3001), proof.Next(r.Hash, 3001, r.Body).Encode())
		}, proof.Inserted, 3001},
		"one inserted, the rest moved up": {func(tx *bbolt.Tx) error {
			b := bucket(tx, "records")
			for seq := 3000; seq >= 777; seq-- {
				if err := b.Put(seqKey(seq+1), bytes.Clone(b.Get(seqKey(seq)))); err != nil {
					return err
				}
			}
			return b.Put(seqKey(777), bytes.Clone(b.Get(seqKey(12))))
		}, proof.Inserted, 777},
		"two exchanged": {func(tx *bbolt.Tx) error {
			b := bucket(tx, "records")
			one, other := bytes.Clone(b.Get(seqKey(777))), bytes.Clone(b.Get(seqKey(778)))
			return errors.Join(b.Put(seqKey(777), other), b.Put(seqKey(778), one))
		}, proof.Reordered, 777},
		"the end cut off": {func(tx *bbolt.Tx) error {
			for seq := 2500; seq <= 3000; seq++ {
				if err := bucket(tx, "records").Delete(seqKey(seq)); err != nil {
					return err
				}
			}
			return nil
		}, proof.Truncated, 2500},
		"hidden from searches": {func(tx *bbolt.Tx) error {
			c := bucket(tx, "times").Cursor()
			for k, _ := c.First(); k != nil; k, _ = c.Next() {
				if binary.BigEndian.Uint64(k[8:]) == 777 {
					return c.Delete()
				}
			}
			return errors.New("not found")
		}, audit.Unlisted, 777},
		"shown twice":      {func(tx *bbolt.Tx) error { return bucket(tx, "times").Put(make([]byte, 16), nil) }, audit.Unlisted, 0},
		"the end unsigned": {func(tx *bbolt.Tx) error { return bucket(tx, "meta").Delete([]byte("tip")) }, proof.Unsigned, 0},
		"a head unsigned": {func(tx *bbolt.Tx) error {
			k, v := bucket(tx, "heads").Cursor().First()
			return bucket(tx, "heads").Put(k, bytes.Replace(v, []byte(`"seq":`), []byte(`"seq":1`), 1))
		}, proof.Unsigned, 0},
		"a head damaged": {func(tx *bbolt.Tx) error {
			k, _ := bucket(tx, "heads").Cursor().First()
			return bucket(tx, "heads").Put(k, []byte("{}"))
		}, proof.Unsigned, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.grow(1000)
			s.keep()
			s.grow(2000)
			if r := s.verify(); !r.OK || r.Heads != 1 {
				t.Fatalf("before: %+v", r)
			}
			s.tamper(c.change)
			r := s.verify()
			if r.OK || len(r.Findings) == 0 || r.Findings[0].Kind != c.kind || r.Findings[0].Seq != c.seq || r.Problem == "" {
				t.Errorf("found %v", r.Findings)
			}
		})
	}
}

func TestVerifyLocatesABitAnywhere(t *testing.T) {
	s := newSite(t)
	const n = 5000
	s.grow(n)
	rnd := rand.New(rand.NewPCG(7, 11))
	for range 40 {
		seq := 1 + rnd.IntN(n)
		flip := func(tx *bbolt.Tx) error {
			v := bytes.Clone(bucket(tx, "records").Get(seqKey(seq)))
			v[rnd.IntN(len(v))] ^= 1 << rnd.IntN(8)
			return bucket(tx, "records").Put(seqKey(seq), v)
		}
		var before []byte
		must(t, s.db.View(func(tx *bbolt.Tx) error { before = bytes.Clone(bucket(tx, "records").Get(seqKey(seq))); return nil }))
		s.tamper(flip)
		r := s.verify()
		if len(r.Findings) != 1 || r.Findings[0].Kind != proof.Changed || r.Findings[0].Seq != uint64(seq) {
			t.Errorf("a bit of record %d: found %v", seq, r.Findings)
		}
		s.tamper(func(tx *bbolt.Tx) error { return bucket(tx, "records").Put(seqKey(seq), before) })
	}
	if r := s.verify(); !r.OK {
		t.Errorf("mended: %+v", r)
	}
}

func TestAVolumeTellsWhatTheDatabaseForgot(t *testing.T) {
	for name, c := range map[string]struct {
		forget func(s *site)
		kind   proof.Kind
		seq    uint64
	}{
		"nothing": {func(*site) {}, "", 0},
		"goes on": {func(s *site) { s.fill(50) }, "", 0},
		"an older copy of the database": {func(s *site) {
			s.close()
			must(s.t, os.Rename(s.path()+".old", s.path()))
			s.open()
		}, proof.Truncated, 101},
		"an older copy, grown again": {func(s *site) {
			s.close()
			must(s.t, os.Rename(s.path()+".old", s.path()))
			s.open()
			s.now = s.now.Add(time.Minute)
			s.fill(300)
		}, proof.Rewritten, 101},
		"no database": {func(s *site) {
			s.close()
			must(s.t, os.Remove(s.path()))
			s.open()
			s.fill(300)
		}, proof.Replaced, 0},
		"another key": {func(s *site) {
			key, err := proof.OpenKey(s.t.TempDir())
			must(s.t, err)
			s.key = key
		}, proof.Unsigned, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			volume, away := t.TempDir(), filepath.Join(t.TempDir(), "away")
			s.close()
			s.open(volume, away)
			s.fill(100)
			s.keep()
			s.close()
			copyFile(t, s.path(), s.path()+".old")
			s.open(volume, away)
			s.fill(100)
			s.keep()
			c.forget(s)
			r := s.verify(volume, away)
			switch {
			case c.kind == "" && (!r.OK || r.Heads != 4): // two here, two there
				t.Errorf("report %+v", r)
			case c.kind != "" && (r.OK || r.Findings[0].Kind != c.kind || r.Findings[0].Seq != c.seq || !strings.Contains(r.Problem, volume) && c.kind != proof.Unsigned):
				t.Errorf("found %v", r.Findings)
			}
		})
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, b, 0o600))
}

func TestAfterACutTheLogGoesOnAndTheCutShows(t *testing.T) {
	s := newSite(t)
	s.fill(20)
	s.tamper(func(tx *bbolt.Tx) error {
		return errors.Join(bucket(tx, "records").Delete(seqKey(20)), bucket(tx, "records").Delete(seqKey(19)))
	})
	s.close()
	s.open()
	s.fill(5)
	r := s.verify()
	if len(r.Findings) != 1 || r.Findings[0].Kind != proof.Removed || r.Findings[0].Seq != 19 || r.Findings[0].Last != 20 {
		t.Errorf("found %v", r.Findings)
	}
	page, err := s.log.Query(t.Context(), audit.Filter{Action: audit.ActionDamaged})
	must(t, err)
	if len(page.Entries) != 1 || page.Entries[0].Seq != 21 || !strings.Contains(page.Entries[0].Detail, "record 20 was the last") {
		t.Errorf("entries %+v", page.Entries)
	}
	s.close()
	s.open() // said once
	if page, err = s.log.Query(t.Context(), audit.Filter{Action: audit.ActionDamaged}); err != nil || len(page.Entries) != 1 {
		t.Errorf("%d entries, %v", len(page.Entries), err)
	}
}

func TestVerifyOfADatabaseWithoutALog(t *testing.T) {
	s := newSite(t)
	s.tamper(func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("audit")) })
	if _, err := audit.Verify(t.Context(), s.db, s.key.Public(), nil); !errors.Is(err, audit.ErrNone) {
		t.Errorf("got %v", err)
	}
}

func TestVerifyWhileTheLogGrows(t *testing.T) {
	s := newSite(t)
	s.grow(3000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 300 {
			if err := s.log.Append(sample(i, start)); err != nil {
				t.Error(err)
			}
		}
	}()
	for growing := true; growing; {
		select {
		case <-done:
			growing = false
		default:
		}
		r, err := s.log.Verify(t.Context())
		must(t, err)
		if !r.OK {
			t.Fatalf("report %+v", r)
		}
	}
}
