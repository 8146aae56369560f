package vfs

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
)

const (
	pageBytes   = 4096 // what a page cache writes back at once
	sectorBytes = 512  // what a disk writes at once
)

// entries maps names to nodes; nil means that there is none.
type entries map[string]*node

// node is a file or directory: as programs see it, and as the disk has it.
type node struct {
	dir      bool
	device   uint64
	lockedBy *faultFile

	content []byte         // file: as written
	durable []byte         // file: as synced
	dirty   map[int64]bool // file: pages that differ

	now     entries   // directory: as programs see it
	kept    entries   // directory: as synced
	changes []entries // directory: what was done since, each all or nothing
}

func newDir(device uint64) *node {
	return &node{dir: true, device: device, now: entries{}, kept: entries{}}
}

// apply makes the changes to a set of entries.
func (e entries) apply(change entries) {
	for name, n := range change {
		if n == nil {
			delete(e, name)
		} else {
			e[name] = n
		}
	}
}

// set changes a directory.
func (n *node) set(change entries) {
	n.now.apply(change)
	n.changes = append(n.changes, change)
}

// write gives by how much the file grew.
func (n *node) write(b []byte, off int64) int64 {
	old := int64(len(n.content))
	if end := off + int64(len(b)); end > old {
		n.resize(end)
	}
	copy(n.content[off:], b)
	n.soil(min(off, old), off+int64(len(b)))
	return int64(len(n.content)) - old
}

func (n *node) truncate(size int64) {
	old := int64(len(n.content))
	n.resize(size)
	n.soil(min(old, size), max(old, size))
}

func (n *node) resize(size int64) {
	if size <= int64(len(n.content)) {
		n.content = n.content[:size]
		return
	}
	grown := slices.Grow(n.content, int(size)-len(n.content))[:size]
	clear(grown[len(n.content):])
	n.content = grown
}

// soil marks the pages of [from, to).
func (n *node) soil(from, to int64) {
	for p := from / pageBytes; p*pageBytes < to; p++ {
		n.dirty[p] = true
	}
}

func (n *node) sync() {
	if n.dir {
		n.kept, n.changes = maps.Clone(n.now), nil
		return
	}
	for p := range n.dirty {
		if p*pageBytes < int64(len(n.content)) {
			n.durable = place(n.durable, n.page(n.content, p), p*pageBytes)
		}
	}
	n.durable = resized(n.durable, int64(len(n.content)))
	clear(n.dirty)
}

// syncTree syncs what below a node lies on a device.
func (n *node) syncTree(device uint64) {
	if n.device == device {
		n.sync()
	}
	for _, child := range n.now {
		child.syncTree(device)
	}
}

// page gives a page of b, short at the end, empty behind it.
func (*node) page(b []byte, p int64) []byte {
	size := int64(len(b))
	return b[min(p*pageBytes, size):min((p+1)*pageBytes, size)]
}

// place copies src into dst, which grows as needed.
func place(dst, src []byte, off int64) []byte {
	dst = resized(dst, max(int64(len(dst)), off+int64(len(src))))
	copy(dst[off:], src)
	return dst
}

func resized(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

// Crash loses power: every later call on f fails, and a new file system has
// what a disk may hold after that. Synced contents and entries are there. Of
// the rest, each directory change may be there or not, each page may be new,
// old, zeroed where it is new, or torn between sectors, and a file's size may be any between.
func (f *Fault) Crash(rng *rand.Rand) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
	c := crash{rng: rng, done: map[*node]*node{}, luck: rng.Float64()}
	if rng.IntN(4) == 0 {
		c.luck = float64(rng.IntN(2)) // all or nothing
	}
	after := &Fault{capacity: f.capacity, mounts: f.mounts}
	after.root = c.node(f.root)
	for _, n := range c.done {
		after.used += int64(len(n.content))
	}
	return after
}

// crash makes the nodes that are there after a power cut.
type crash struct {
	rng  *rand.Rand
	luck float64 // how likely an unsynced thing is kept
	done map[*node]*node
}

func (c *crash) keep() bool { return c.rng.Float64() < c.luck }

func (c *crash) node(old *node) *node {
	if n := c.done[old]; n != nil {
		return n
	}
	n := &node{dir: old.dir, device: old.device}
	c.done[old] = n
	if !old.dir {
		n.content = c.content(old)
		n.durable = bytes.Clone(n.content)
		n.dirty = map[int64]bool{}
		return n
	}
	left := maps.Clone(old.kept)
	for _, change := range old.changes {
		if c.keep() {
			left.apply(change)
		}
	}
	n.now, n.kept = entries{}, entries{}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		n.now[name] = c.node(left[name])
	}
	maps.Copy(n.kept, n.now)
	return n
}

// content makes what is left of a file.
func (c *crash) content(old *node) []byte {
	size, was := int64(len(old.content)), int64(len(old.durable))
	if size != was && !c.keep() {
		size = min(size, was) + c.rng.Int64N(max(size, was)-min(size, was)+1)
		if c.rng.IntN(2) == 0 {
			size = was
		}
	}
	left := resized(bytes.Clone(old.durable), size)
	for _, p := range slices.Sorted(maps.Keys(old.dirty)) {
		if p*pageBytes >= size {
			continue
		}
		to := left[p*pageBytes : min((p+1)*pageBytes, size)]
		from := old.page(old.content, p)
		switch {
		case c.keep():
			copy(to, from)
		case c.rng.IntN(3) == 0: // allocated, never written: only what was not there before
			clear(to[min(max(0, was-p*pageBytes), int64(len(to))):])
		case c.rng.IntN(2) == 0:
			c.tear(to, from)
		}
	}
	return left
}

// tear has some sectors of a page written.
func (c *crash) tear(to, from []byte) {
	for s := 0; s < min(len(to), len(from)); s += sectorBytes {
		if c.rng.IntN(2) == 0 {
			copy(to[s:min(s+sectorBytes, len(to))], from[s:])
		}
	}
}
