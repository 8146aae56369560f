package firewall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/stockade-nvr/stockade/firewall/netfilter"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
	"github.com/stockade-nvr/stockade/internal/durable"
)

// Drift is one difference between the policy and the kernel that others made,
// and what became of it (C10). The same difference again within driftMemory is
// counted, not listed anew.
type Drift struct {
	ID    uint64    `json:"id"` // grows with each new one
	First time.Time `json:"first"`
	Last  time.Time `json:"last"` // read-back that found it last
	Layer string    `json:"layer"`
	Found string    `json:"found"` // the foreign line, flag or setting, and what it should be
	Done  DriftDone `json:"done"`
	Count int       `json:"count"` // times that it was found after having been gone
}

// DriftDone is what became of a difference.
type DriftDone string

// What becomes of a difference.
const (
	DriftStands   DriftDone = "stands"   // alarmed; it is another's to remove, or could not be repaired yet
	DriftRepaired DriftDone = "repaired" // by us
	DriftGone     DriftDone = "gone"     // removed by others
)

const (
	driftFile   = "drift.json"
	driftMemory = 10 * time.Minute
	maxDrift    = 256 // listed; the oldest go
	driftBytes  = 1 << 20
	// perLayer is how many differences of one layer are listed of one read-back: a
	// flush makes dozens at once.
	perLayer = 4
)

// driftBook lists what was found. Guarded by Firewall.mu.
type driftBook struct {
	list   []Drift // oldest first
	loaded bool
	dirty  bool // not in the file yet
	// tried are the keys of what a repair has been at since the last read-back.
	tried map[string]bool
}

// generations are the numbers in names of chains, which a repair makes anew.
var generations = regexp.MustCompile(`NVR\d+-|\|g\d+-[0-9a-f]+`)

// see takes one read-back into the list.
func (b *driftBook) see(now time.Time, findings []netfilter.Finding) {
	found := map[string]bool{}
	for _, x := range fold(findings) {
		key := driftKey(string(x.Layer), x.What)
		if found[key] {
			continue
		}
		found[key] = true
		i := b.find(key, now)
		if i < 0 {
			b.add(Drift{First: now, Last: now, Layer: string(x.Layer), Found: x.What, Done: DriftStands, Count: 1})
			continue
		}
		d := &b.list[i]
		if d.Done != DriftStands {
			d.Count, d.Done, d.Found, b.dirty = d.Count+1, DriftStands, x.What, true
		}
		d.Last = now
	}
	for i := range b.list {
		if d := &b.list[i]; d.Done == DriftStands && !found[d.key()] {
			d.Done, b.dirty = DriftGone, true
			if b.tried[d.key()] {
				d.Done = DriftRepaired
			}
		}
	}
	b.tried = nil
}

// repairing says that we are at what was found: what of it is gone at the next
// read-back we mended, also where the repair as a whole failed.
func (b *driftBook) repairing(findings []netfilter.Finding) {
	b.tried = map[string]bool{}
	for _, x := range fold(findings) {
		if !x.Foreign {
			b.tried[driftKey(string(x.Layer), x.What)] = true
		}
	}
}

func (d Drift) key() string { return driftKey(d.Layer, d.Found) }

// driftKey is what a difference is known by, whichever generation has it.
func driftKey(layer, found string) string {
	return layer + generations.ReplaceAllString(found, "NVR-")
}

// find gives the place of a difference that stands or stood lately, -1 for none.
func (b *driftBook) find(key string, now time.Time) int {
	for i := len(b.list) - 1; i >= 0; i-- {
		if d := b.list[i]; d.key() == key && (d.Done == DriftStands || now.Sub(d.Last) < driftMemory) {
			return i
		}
	}
	return -1
}

func (b *driftBook) add(d Drift) {
	if n := len(b.list); n > 0 {
		d.ID = b.list[n-1].ID
	}
	d.ID++
	b.list = append(b.list, d)
	if over := len(b.list) - maxDrift; over > 0 {
		b.list = slices.Delete(b.list, 0, over)
	}
	b.dirty = true
}

// fold keeps perLayer findings of each layer and says how many more there are.
func fold(findings []netfilter.Finding) []netfilter.Finding {
	var out []netfilter.Finding
	seen := map[ruleset.Layer]int{}
	for _, x := range findings {
		if seen[x.Layer]++; seen[x.Layer] <= perLayer {
			out = append(out, x)
		}
	}
	for _, l := range layers {
		if seen[l.id] > perLayer {
			out = append(out, netfilter.Finding{Layer: l.id, What: "and more of this layer at the same time"})
		}
	}
	return out
}

// load reads what an earlier process found, once. A file that cannot be read
// costs that list and nothing else.
func (b *driftBook) load(dir string) error {
	if b.loaded || dir == "" {
		return nil
	}
	b.loaded = true
	list, err := readDrift(dir)
	for i := range list {
		if list[i].Done == DriftStands { // whether it still does is for the next read-back
			list[i].Done = DriftGone
		}
	}
	b.list = append(list, b.list...)
	return err
}

func readDrift(dir string) ([]Drift, error) {
	text, err := durable.Read(filepath.Join(dir, driftFile), driftBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was found before: %w", err)
	}
	var list []Drift
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("read what was found before: %s: %w", driftFile, err)
	}
	return list[max(0, len(list)-maxDrift):], nil
}

// newest gives the latest first, at most n.
func (b *driftBook) newest(n int) []Drift {
	list := slices.Clone(b.list)
	slices.Reverse(list)
	slices.SortStableFunc(list, func(x, y Drift) int { return y.Last.Compare(x.Last) })
	return list[:min(n, len(list))]
}

// shownDrift is how many a Status carries.
const shownDrift = 50

// keepDrift writes the list down, at most once an interval, until ctx ends.
func (f *Firewall) keepDrift(ctx context.Context) {
	if f.o.StateDir != "" {
		f.keepInFile(ctx, "what was found in the kernel", func(bool) error { return f.saveDrift() })
	}
}

// keepInFile saves once an interval until ctx ends, and once more then, and says once
// that it cannot what. It is for a goroutine of its own: a disk that hangs must not keep us
// from repairing.
func (f *Firewall) keepInFile(ctx context.Context, what string, save func(ended bool) error) {
	tick := time.NewTicker(f.o.Interval)
	defer tick.Stop()
	for broken := false; ; {
		ended := ctx.Err() != nil
		err := save(ended)
		if err != nil && !broken {
			f.log.Error("kept in memory only", "what", what, "error", err)
		}
		broken = err != nil
		if ended {
			return
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (f *Firewall) saveDrift() error {
	f.mu.Lock()
	dirty, list := f.drift.dirty, slices.Clone(f.drift.list)
	f.drift.dirty = false
	f.mu.Unlock()
	if !dirty {
		return nil
	}
	text, err := json.Marshal(list)
	if err == nil {
		err = publish(f.o.StateDir, driftFile, text)
	}
	if err != nil {
		f.mu.Lock()
		f.drift.dirty = true
		f.mu.Unlock()
		return fmt.Errorf("keep what was found: %w", err)
	}
	return nil
}
