package sightings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/internal/durable"
)

// fileFormat is the format that this program writes.
const fileFormat = 1

// maxFile bounds what is read; a full Book takes about 12 MB.
const maxFile = 32 << 20

// Kept is a Book as its file has it.
type Kept struct {
	Format    int                    `json:"format"`
	Sightings []*Sighting            `json:"sightings"`
	Pinned    map[nflog.MAC]*Blocked `json:"pinned"`
	Findings  []Finding              `json:"findings"`
}

// errFormat says that a file is none of ours.
var errFormat = errors.New("it is no file of sightings of this version")

// Load reads a Book's file; one that is not there has nothing in it. Commands
// read it while a daemon writes it.
func Load(path string) (k Kept, err error) {
	text, err := durable.Read(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return k, fmt.Errorf("read the sightings: %w", err)
	}
	if k, err = read(text); err != nil {
		return Kept{}, fmt.Errorf("read the sightings in %s: %w", path, err)
	}
	return k, nil
}

func read(text []byte) (k Kept, err error) {
	if err := json.Unmarshal(text, &k); err != nil {
		return Kept{}, err
	}
	if k.Format != fileFormat || slices.Contains(k.Sightings, nil) {
		return Kept{}, errFormat
	}
	for mac, p := range k.Pinned {
		if p == nil || mac.IsZero() {
			return Kept{}, errFormat
		}
	}
	sortFindings(k.Findings)
	return k, nil
}

// take puts what was kept into an empty Book, within its bounds.
func (b *Book) take(k Kept) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range k.Sightings {
		p := b.share(s.Port)
		if b.seen[s.MAC] != nil || len(b.seen) >= maxSightings || p.sightings >= b.o.MaxPerPort {
			continue
		}
		s.Addresses = s.Addresses[:min(len(s.Addresses), maxAddresses)]
		s.Tried = s.Tried[:min(len(s.Tried), maxTried)]
		s.bound()
		b.seen[s.MAC] = s
		p.sightings++
	}
	for mac, p := range k.Pinned {
		p.bound()
		b.pinned[mac] = p
	}
	for _, f := range k.Findings[:min(len(k.Findings), maxFindings)] {
		b.findings[f.key()] = &f
	}
}

// save writes the file if something has changed since.
func (b *Book) save() error {
	if b.o.File == "" {
		return nil
	}
	text, err := b.text()
	if text == nil || err != nil {
		return err
	}
	if err := durable.Replace(b.o.File, text, nil); err != nil {
		b.mu.Lock()
		b.changed = true
		b.mu.Unlock()
		return fmt.Errorf("write the sightings: %w", err)
	}
	return nil
}

// text is what the file is to say; nil when it says so.
func (b *Book) text() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.changed {
		return nil, nil
	}
	k := Kept{Format: fileFormat, Pinned: map[nflog.MAC]*Blocked{}}
	for _, s := range b.seen {
		k.Sightings = append(k.Sightings, s)
	}
	slices.SortFunc(k.Sightings, func(a, c *Sighting) int { return c.Last.Compare(a.Last) })
	for mac, p := range b.pinned {
		if _, ours := b.site.byMAC[mac]; ours {
			k.Pinned[mac] = p
		}
	}
	for _, f := range b.findings {
		k.Findings = append(k.Findings, *f)
	}
	text, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("write the sightings: %w", err)
	}
	b.changed = false
	return text, nil
}
