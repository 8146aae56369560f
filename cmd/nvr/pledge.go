package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/internal/guarded"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/ui/audit"
)

// pledge is what the recorder holds to until a second admin releases it, when
// the site asks for two persons: how long footage is kept, and that two persons
// are needed. It is kept in state.db, so that neither a restart nor an edit of
// the site file gets around it.
type pledge struct {
	db *bbolt.DB

	mu    sync.Mutex // guards what follows
	held  promise
	taken siteText // what held was taken from
}

// promise is one state of the pledge. The zero promise holds nothing.
type promise struct {
	Revision   string                   `json:"revision"` // of the site file that it was taken from
	TwoPersons bool                     `json:"two_persons"`
	Keep       time.Duration            `json:"keep"`
	Cameras    map[string]time.Duration `json:"cameras"`
	Reserves   map[string]int64         `json:"reserves"` // bytes, by the volume's clean path: a larger one deletes footage
	// Unknown says that the volumes have the account of a state directory that is
	// not this one: what was pledged there is not known, so all of it is held.
	Unknown bool `json:"unknown,omitempty"`
}

// Where it lies in state.db.
const (
	pledgeBucket = "pledge"
	pledgeKey    = "held"
	takenKey     = "site"
)

func readPledge(db *bbolt.DB) (*pledge, error) {
	p := &pledge{db: db}
	err := db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(pledgeBucket))
		if b == nil {
			return nil
		}
		if taken := b.Get([]byte(takenKey)); taken != nil && json.Unmarshal(taken, &p.taken) != nil {
			p.taken = siteText{} // the next change is told without it; that is no reason to let nobody in
		}
		if held := b.Get([]byte(pledgeKey)); held != nil {
			if err := json.Unmarshal(held, &p.held); err != nil {
				return err
			}
		}
		p.held.Reserves = cleanPaths(p.held.Reserves)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what two persons were promised: %w", err)
	}
	return p, nil
}

// cleanPaths gives each volume one name: an earlier version kept them as written.
func cleanPaths(reserves map[string]int64) map[string]int64 {
	out := map[string]int64{}
	for volume, reserve := range reserves {
		volume = filepath.Clean(volume)
		if have, ok := out[volume]; !ok || reserve < have {
			out[volume] = reserve
		}
	}
	return out
}

// promiseOf is what a site file says.
func promiseOf(s *configs.Site) promise {
	r := retentionOf(s)
	reserves := map[string]int64{}
	for _, v := range s.Storage.Volumes {
		reserves[filepath.Clean(v.Path)] = v.Reserve
	}
	return promise{Revision: s.Revision, TwoPersons: s.Accounts.TwoPersons, Keep: r.Keep, Cameras: r.Cameras, Reserves: reserves}
}

func (p *pledge) twoPersons() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held.TwoPersons
}

func (p *pledge) now() promise {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.held
	held.Cameras, held.Reserves = maps.Clone(held.Cameras), maps.Clone(held.Reserves)
	return held
}

// begin makes of a pledge that nobody gave yet, in a state directory that is new
// while the volumes are not, one that holds everything: another directory in the
// site file is no way around what the old one holds.
func (p *pledge) begin(log *audit.Log, roots []string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held.Revision != "" {
		return nil
	}
	root, err := log.Stranger(roots)
	if root != "" {
		p.held = promise{TwoPersons: true, Unknown: true}
	}
	return err
}

// site gives what the site file said that the pledge was taken from.
func (p *pledge) site() siteText {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

// hold replaces the pledge by one that was taken from a site file. with is written
// in the same transaction: what is in force and the account of it are there
// together or not at all. On an error the pledge stays what it was.
func (p *pledge) hold(next promise, site siteText, with func(*bbolt.Tx) error) error {
	body, err := json.Marshal(next)
	text, siteErr := json.Marshal(site)
	if err = errors.Join(err, siteErr); err != nil {
		return fmt.Errorf("keep what two persons are promised: %w", err)
	}
	err = guarded.Update(p.db, func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(pledgeBucket))
		if err != nil {
			return err
		}
		return errors.Join(b.Put([]byte(pledgeKey), body), b.Put([]byte(takenKey), text), with(tx))
	})
	if err != nil {
		return fmt.Errorf("keep what two persons are promised: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.taken = next, site
	return nil
}

// retention is the promise as storage takes it.
func (p promise) retention() storage.Retention {
	return storage.Retention{Keep: p.Keep, Cameras: p.Cameras}
}

// of gives how long a camera's footage is kept; 0 is for as long as there is space.
func (p promise) of(camera string) time.Duration {
	if keep, ok := p.Cameras[camera]; ok {
		return keep
	}
	return p.Keep
}

// lowers names, in words, what another promise would take away from this one.
// A camera that leaves the site file keeps its retention until that is released.
func (p promise) lowers(next promise) (what []string) {
	if p.Unknown {
		what = append(what, "what another state directory of these volumes pledged")
	}
	if p.TwoPersons && !next.TwoPersons {
		what = append(what, "two persons: no longer needed")
	}
	if shorter(p.Keep, next.Keep) {
		what = append(what, fmt.Sprintf("retention: %s to %s", keepText(p.Keep), keepText(next.Keep)))
	}
	for _, camera := range camerasIn(p, next) {
		if shorter(p.of(camera), next.of(camera)) {
			what = append(what, fmt.Sprintf("retention of %s: %s to %s", camera, keepText(p.of(camera)), keepText(next.of(camera))))
		}
	}
	for _, volume := range slices.Sorted(maps.Keys(p.Reserves)) {
		reserve, stays := next.Reserves[volume]
		switch {
		case !stays:
			what = append(what, fmt.Sprintf("volume %s: no longer used", volume))
		case reserve > p.Reserves[volume]:
			what = append(what, fmt.Sprintf("reserve of %s: %d to %d bytes", volume, p.Reserves[volume], reserve))
		}
	}
	return what
}

// both gives the promise that breaks neither. A volume that takes the place of one
// that leaves may be the same disk by another name: it gets no larger reserve.
func (p promise) both(next promise) promise {
	out := promise{
		Revision: next.Revision, TwoPersons: p.TwoPersons || next.TwoPersons, Keep: longer(p.Keep, next.Keep),
		Cameras: map[string]time.Duration{}, Reserves: maps.Clone(p.Reserves), Unknown: p.Unknown,
	}
	if out.Reserves == nil {
		out.Reserves = map[string]int64{}
	}
	most := int64(math.MaxInt64)
	for volume, reserve := range p.Reserves {
		if _, stays := next.Reserves[volume]; !stays {
			most = min(most, reserve)
		}
	}
	for volume, reserve := range next.Reserves {
		have, ok := p.Reserves[volume]
		if !ok {
			have = most
		}
		out.Reserves[volume] = min(have, reserve)
	}
	for _, camera := range camerasIn(p, next) {
		out.Cameras[camera] = longer(p.of(camera), next.of(camera))
	}
	return out
}

// camerasIn lists the cameras that one of the promises names.
func camerasIn(all ...promise) []string {
	named := map[string]bool{}
	for _, p := range all {
		for camera := range p.Cameras {
			named[camera] = true
		}
	}
	return slices.Sorted(maps.Keys(named))
}

func shorter(was, is time.Duration) bool { return is != 0 && (was == 0 || is < was) }

func longer(a, b time.Duration) time.Duration {
	if shorter(a, b) {
		return a
	}
	return b
}

func keepText(keep time.Duration) string {
	switch {
	case keep == 0:
		return "until space is needed"
	case keep%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", keep/(24*time.Hour))
	}
	return strings.TrimSuffix(strings.TrimSuffix(keep.String(), "0s"), "0m")
}
