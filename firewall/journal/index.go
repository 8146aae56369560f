package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// Fields of the index by value. They are part of the stored format.
const (
	ofHost    = 'h'
	ofDomain  = 'd' // each that the host is below of, up to maxDomains
	ofAddress = 'a'
	ofPort    = 'p'
	ofSource  = 's'
	ofCountry = 'c'
	ofReason  = 'r'
	ofTag     = 't'
	ofTried   = 'n' // device and destination
	ofKind    = 'k' // kind and destination
)

// maxDomains bounds what one long host name costs.
const maxDomains = 5

// term is a field and a value of it.
type term string

func termOf(field byte, value string) term {
	return term(string(field) + strings.ReplaceAll(value, "\x00", " "))
}

// destination is what novelty is asked of: whose, and where to.
type destination struct{ device, kind, to string }

// destination of a row; without a device where nobody is surely its source, or
// where the destination is nothing to remember.
func (r *row) destination() (d destination) {
	if r.key.other || r.key.folded != foldNone {
		return d
	}
	d = destinationOf(&r.attempt)
	if r.from.siblings == 0 {
		d.kind = ""
	}
	return d
}

func destinationOf(a *Attempt) (d destination) {
	if a.Chatter || a.Device == "" || a.Collected() || a.Reason == nflog.Spoof || a.Reason == nflog.UnknownDevice || !a.Destination.IsValid() {
		return d
	}
	d = destination{a.Device, a.Kind, a.Host}
	if a.Host == "" || a.Host == SharedHost {
		d.to = a.Destination.String()
	}
	return d
}

// past looks whether a destination was tried before.
func (d destination) past(tx *bbolt.Tx) (p past) {
	if d.device == "" {
		return p
	}
	p.novel = !anyOf(tx, termOf(ofTried, d.device+"\x01"+d.to))
	p.odd = p.novel && d.kind != "" && !anyOf(tx, termOf(ofKind, d.kind+"\x01"+d.to))
	return p
}

func anyOf(tx *bbolt.Tx, t term) bool {
	prefix := append([]byte(t), 0)
	k, _ := tx.Bucket(bucketByValue).Cursor().Seek(prefix)
	return bytes.HasPrefix(k, prefix)
}

// shownReason is the reason as people see it: chatter is shown apart.
func (a *Attempt) shownReason() nflog.Reason {
	if a.Chatter {
		return nflog.Chatter
	}
	return a.Reason
}

// newFor is how long an attempt at a destination that was never tried before is new.
const newFor = 24 * time.Hour

// Tags are the words for what is special about an attempt, as in is:beacon.
func (a *Attempt) Tags(now time.Time) (tags []string) {
	for _, one := range []struct {
		is   bool
		word string
	}{
		{a.Novel && now.Sub(a.First) < newFor, "new"},
		{a.Odd, "odd"},
		{a.Period > 0, "beacon"},
		{a.Scan, "scan"},
		{a.Many, "many"},
		{a.Flood(), "names"},
		{a.Changed, "changed"},
	} {
		if one.is {
			tags = append(tags, one.word)
		}
	}
	return tags
}

// terms are what an attempt is found by.
func (a *Attempt) terms() []term {
	t := []term{termOf(ofReason, string(a.shownReason()))}
	if a.Host != "" {
		t = append(t, termOf(ofHost, a.Host))
		for domain, n := a.Host, 0; n < maxDomains; n++ {
			var below bool
			if _, domain, below = strings.Cut(domain, "."); !below {
				break
			}
			t = append(t, termOf(ofDomain, domain))
		}
	}
	if a.Destination.IsValid() {
		t = append(t, termOf(ofAddress, a.Destination.String()))
	}
	if a.Source.IsValid() {
		t = append(t, termOf(ofSource, a.Source.String()))
	}
	if a.hasPort() {
		t = append(t, termOf(ofPort, strconv.Itoa(int(a.DestinationPort))))
	}
	if a.Country != "" {
		t = append(t, termOf(ofCountry, a.Country))
	}
	for _, tag := range a.Tags(a.First) { // new by then: whether it is still so is asked of the row
		t = append(t, termOf(ofTag, tag))
	}
	if d := destinationOf(a); d.device != "" {
		t = append(t, termOf(ofTried, d.device+"\x01"+d.to))
		if d.kind != "" {
			t = append(t, termOf(ofKind, d.kind+"\x01"+d.to))
		}
	}
	return t
}

// hasPort tells ports from ICMP's types, which have the same place.
func (a *Attempt) hasPort() bool {
	icmp := a.Family == 4 && a.Protocol == 1 || a.Family == 6 && a.Protocol == 58
	return a.DestinationPort != 0 && !icmp
}

// hourOf is the hour of a time, as the index by value has it: a row moves in it
// once an hour, not with each hit.
func hourOf(t time.Time) uint32 { return uint32(max(t.Unix()/3600, 0)) }

func valueKey(t term, hour uint32, id rowID) []byte {
	k := binary.BigEndian.AppendUint32(append([]byte(t), 0), hour)
	return append(k, id[:]...)
}

// index moves an attempt in the indexes from where it was, nil for nowhere, to
// where it is now, nil when it goes.
func index(tx *bbolt.Tx, id rowID, was, now *record) error {
	var del, put [][]byte // keys of the index by value
	if was != nil {
		for _, t := range was.terms() {
			del = append(del, valueKey(t, hourOf(was.Last), id))
		}
	}
	if now != nil {
		for _, t := range now.terms() {
			put = append(put, valueKey(t, hourOf(now.Last), id))
		}
	}
	var errs []error
	values := tx.Bucket(bucketByValue)
	if !slices.EqualFunc(del, put, bytes.Equal) {
		for _, k := range del {
			errs = append(errs, values.Delete(k))
		}
		for _, k := range put {
			errs = append(errs, values.Put(k, []byte{}))
		}
	}
	byFirst, byLast, byDevice := tx.Bucket(bucketByFirst), tx.Bucket(bucketByLast), tx.Bucket(bucketByDevice)
	if was != nil && (now == nil || !was.Last.Equal(now.Last) || was.Device != now.Device) {
		errs = append(errs, byLast.Delete(lastKey(was.Last, id)), byDevice.Delete(deviceKey(was.Device, was.Last, id)))
	}
	if was != nil && (now == nil || !was.First.Equal(now.First) || was.Chatter != now.Chatter) {
		errs = append(errs, byFirst.Delete(lastKey(was.First, id)))
	}
	if now != nil {
		if was == nil || !was.Last.Equal(now.Last) || was.Device != now.Device {
			errs = append(errs, byLast.Put(lastKey(now.Last, id), []byte{}), byDevice.Put(deviceKey(now.Device, now.Last, id), []byte{}))
		}
		if was == nil || !was.First.Equal(now.First) || was.Chatter != now.Chatter {
			errs = append(errs, byFirst.Put(lastKey(now.First, id), chatterMark(now.Chatter)))
		}
	}
	return errors.Join(errs...)
}

func chatterMark(is bool) []byte {
	if is {
		return []byte{1}
	}
	return []byte{0}
}

// indexMore puts rows of an earlier format into the indexes, rowsPerTx at a time.
func (j *Journal) indexMore() error {
	if j.indexed.Load() {
		return nil
	}
	done := false
	err := j.db.Update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		from := meta.Get([]byte(indexedKey))
		if from == nil {
			done = true
			return nil
		}
		c := tx.Bucket(bucketAttempts).Cursor()
		k, _ := c.Seek(from)
		n := 0
		for ; k != nil && n < rowsPerTx; k, _ = c.Next() {
			if len(k) != len(rowID{}) {
				continue
			}
			if r, err := getRecord(tx, rowID(k)); err == nil && r != nil {
				if err := index(tx, rowID(k), nil, r); err != nil {
					return err
				}
			}
			n++
		}
		if done = k == nil; done {
			return meta.Delete([]byte(indexedKey))
		}
		return meta.Put([]byte(indexedKey), bytes.Clone(k))
	})
	if err != nil {
		return fmt.Errorf("index attempts: %w", err)
	}
	j.indexed.Store(done)
	return nil
}
