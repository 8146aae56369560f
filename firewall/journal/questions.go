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
	maxQuestionsEach = 1024   // per device; then one row "*" per type
	maxQuestions     = 131072 // in all
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
	each  map[string]int // by device
	dirty map[string]struct{}
}

func newQuestions(o Options) *questions {
	return &questions{opts: o, all: make(map[string]*Question), each: make(map[string]int), dirty: make(map[string]struct{})}
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
	if one == nil && (q.each[device] >= maxQuestionsEach || len(q.all) >= maxQuestions) {
		if device == "" {
			asker = netip.IPv4Unspecified() // those who are nobody's share a row
		}
		name = "*"
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

// write writes the questions that changed; on an error they stay changed.
func (q *questions) write(db *bbolt.DB) error {
	q.mu.Lock()
	changed := make(map[string]Question, len(q.dirty))
	for k := range q.dirty {
		if one := q.all[k]; one != nil {
			changed[k] = *one
		}
	}
	clear(q.dirty)
	q.mu.Unlock()
	if len(changed) == 0 {
		return nil
	}
	err := db.Update(func(tx *bbolt.Tx) error {
		for k, one := range changed {
			v, err := json.Marshal(one)
			if err != nil {
				return err
			}
			if err := tx.Bucket(bucketQuestions).Put([]byte(k), v); err != nil {
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
	return nil
}

// prune forgets questions last asked before.
func (q *questions) prune(db *bbolt.DB, before time.Time) error {
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
