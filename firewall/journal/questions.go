package journal

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// Bounds of what is remembered of DNS questions.
const (
	maxQuestionsEach = 1024   // per device; then the longest unasked goes, or one row "*" takes the new
	maxQuestions     = 131072 // in all; then one row "*" of nobody's takes the rest
	maxQuestionName  = 255    // bytes of a name as asked, which may be anything
)

// Question is what a device asked the sinkhole, once or often.
type Question struct {
	Device string     `json:"device,omitempty"`
	Asker  netip.Addr `json:"asker"`
	Name   string     `json:"name"` // as asked, in lower case, not always a host name; "*" for all beyond the bound
	Type   uint16     `json:"type"` // RFC 1035 and later: 1 is A, 28 is AAAA
	First  time.Time  `json:"first"`
	Last   time.Time  `json:"last"`
	Count  uint64     `json:"count"`
}

// questions is held in memory whole; what changed is written each second.
type questions struct {
	opts Options

	mu    sync.Mutex // guards all below
	all   map[string]*Question
	each  map[string]int      // by device
	dirty map[string]struct{} // to write, or to delete where all has none

	crammed map[string]time.Time // devices of which nothing was unasked for long enough, and since when
}

func newQuestions(o Options) *questions {
	return &questions{opts: o, all: make(map[string]*Question), each: make(map[string]int), dirty: make(map[string]struct{}), crammed: make(map[string]time.Time)}
}

// questionKey is a question's key in the file.
func questionKey(device string, asker netip.Addr, qtype uint16, name string) string {
	a := asker.As16()
	b := append([]byte(device), 0)
	b = append(b, a[:]...)
	b = binary.BigEndian.AppendUint16(b, qtype)
	return string(append(b, name...))
}

// Asked takes note of a question to the sinkhole, whatever its answer was.
func (j *Journal) Asked(asker netip.Addr, name string, qtype uint16) {
	j.asked.add(asker, name, qtype)
}

func (q *questions) add(asker netip.Addr, name string, qtype uint16) {
	name = strings.ToLower(name)
	if len(name) > maxQuestionName {
		name = name[:maxQuestionName]
	}
	name = strings.ToValidUTF8(name, "?")
	device := q.opts.Identify(nflog.MAC{}, asker).Device
	now := q.opts.Now().UTC()
	q.mu.Lock()
	defer q.mu.Unlock()
	k := questionKey(device, asker, qtype, name)
	one := q.all[k]
	if one == nil && q.each[device] >= maxQuestionsEach {
		q.makeRoom(device, now)
	}
	if one == nil && (q.each[device] >= maxQuestionsEach || len(q.all) >= maxQuestions) {
		if device == "" {
			asker = netip.IPv4Unspecified() // those who are nobody's share a row
		}
		name, qtype = "*", 0
		k = questionKey(device, asker, qtype, name)
		one = q.all[k]
	}
	if one == nil && len(q.all) >= maxQuestions {
		device, asker = "", netip.IPv4Unspecified()
		k = questionKey(device, asker, qtype, name)
		one = q.all[k]
	}
	if one == nil {
		one = &Question{Device: device, Asker: asker, Name: name, Type: qtype, First: now}
		q.all[k] = one
		q.each[device]++
	}
	one.Count++
	one.Last = now
	q.dirty[k] = struct{}{}
}

// roomAtOnce is how many questions go when one must: all are looked at for it.
const roomAtOnce = maxQuestionsEach / 16

// makeRoom forgets what a device has not asked for an hour, the longest unasked
// first. Called with mu held.
func (q *questions) makeRoom(device string, now time.Time) {
	if since, crammed := q.crammed[device]; crammed && now.Sub(since) >= 0 && now.Sub(since) < crammedFor {
		return
	}
	var old []string
	for k, one := range q.all {
		if one.Device == device && one.Name != "*" && one.Last.Before(now.Add(-fresh)) {
			old = append(old, k)
		}
	}
	if len(old) == 0 {
		q.crammed[device] = now
		return
	}
	slices.SortFunc(old, func(a, b string) int { return q.all[a].Last.Compare(q.all[b].Last) })
	for _, k := range old[:min(len(old), roomAtOnce)] {
		delete(q.all, k)
		q.dirty[k] = struct{}{}
		q.each[device]--
	}
}

// Questions lists what a device asked, newest first; device "" means all.
func (j *Journal) Questions(device string, limit int) []Question {
	if limit <= 0 {
		limit = defaultLimit
	}
	j.asked.mu.Lock()
	list := make([]Question, 0, len(j.asked.all))
	for _, one := range j.asked.all {
		if device == "" || one.Device == device {
			list = append(list, *one)
		}
	}
	j.asked.mu.Unlock()
	slices.SortFunc(list, func(a, b Question) int {
		if c := b.Last.Compare(a.Last); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list[:min(limit, len(list))]
}

func (q *questions) load(tx *bbolt.Tx) error {
	return tx.Bucket(bucketQuestions).ForEach(func(k, v []byte) error {
		one := new(Question)
		if err := json.Unmarshal(v, one); err != nil {
			return fmt.Errorf("read question %q: %w", k, err)
		}
		q.all[string(k)] = one
		q.each[one.Device]++
		return nil
	})
}

// write writes the questions that changed, so many at a time that a name waiting
// to be stored gets in between; what an error leaves stays changed.
func (q *questions) write(db *file) error {
	for {
		changed := q.takeChanged()
		if len(changed) == 0 {
			return nil
		}
		err := db.Update(func(tx *bbolt.Tx) error {
			for k, v := range changed {
				if v == nil {
					if err := tx.Bucket(bucketQuestions).Delete([]byte(k)); err != nil {
						return err
					}
				} else if err := tx.Bucket(bucketQuestions).Put([]byte(k), v); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			q.mu.Lock()
			defer q.mu.Unlock()
			for k := range changed {
				q.dirty[k] = struct{}{}
			}
			return fmt.Errorf("write questions: %w", err)
		}
	}
}

// takeChanged takes at most rowsPerTx changed questions, as the file is to have
// them; nil is for those that it is to have no more.
func (q *questions) takeChanged() map[string][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	changed := make(map[string][]byte, min(len(q.dirty), rowsPerTx))
	for k := range q.dirty {
		if len(changed) == rowsPerTx {
			break
		}
		delete(q.dirty, k)
		one := q.all[k]
		if one == nil {
			changed[k] = nil
			continue
		}
		v, err := json.Marshal(one)
		if err != nil {
			continue // cannot be: its fields are plain
		}
		changed[k] = v
	}
	return changed
}

// prune forgets questions last asked before.
func (q *questions) prune(db *file, before time.Time) error {
	var old []string
	q.mu.Lock()
	for k, one := range q.all {
		if one.Last.Before(before) && len(old) < rowsPerTx {
			old = append(old, k)
			delete(q.all, k)
			delete(q.dirty, k)
			if q.each[one.Device]--; q.each[one.Device] <= 0 {
				delete(q.each, one.Device)
			}
		}
	}
	q.mu.Unlock()
	if len(old) == 0 {
		return nil
	}
	err := db.Update(func(tx *bbolt.Tx) error {
		for _, k := range old {
			if err := tx.Bucket(bucketQuestions).Delete([]byte(k)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget questions: %w", err)
	}
	return nil
}
