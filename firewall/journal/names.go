package journal

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// The block that is kept for tests of network devices (RFC 2544) and that no
// route on the internet leads to: 198.18.0.0 to 198.19.255.255.
const (
	poolBase = 0xc6120000
	poolSize = 1 << 17
	// poolShared answers for every name beyond a device's quota: 198.19.255.254.
	poolShared = poolSize - 2
)

// SharedHost is the host of attempts to the address that all names share which
// got none of their own.
const SharedHost = "*"

// ErrHost says that a name is not one that gets an address. It is normal: cameras
// may ask anything.
var ErrHost = errors.New("not a host name")

// names is the memory of which host name was given which address (C8). An
// address belongs to one name as long as the name is kept.
type names struct {
	db   *file
	opts Options

	mu      sync.RWMutex // guards all below
	byHost  map[string]*name
	byAddr  map[uint32]*name     // by offset in the pool
	quota   map[string]int       // names first asked by a device, without the retired ones
	retired map[string]int       // names of a device that made way for others; their addresses stay theirs
	next    uint32               // where to look for a free address
	stale   map[string][]*name   // by device: names to retire, the longest unused first
	crammed map[string]time.Time // devices of which no name was unused for long enough, and since when
	crowded bool                 // the shared address has been given out since the start
	unsaved []unsaved            // names that wait for writing

	writing sync.Mutex // one write of new names at a time; before mu
}

// unsaved is a new name and what the file is to have of it.
type unsaved struct {
	*name
	record nameRecord
}

// name is one host name. stored is closed once the file has it, or err is set.
type name struct {
	host   string
	offset uint32
	device string
	first  time.Time
	last   time.Time // asked or hit
	moved  bool      // last or retired is newer than in the file
	// retired: it counts no more for its device's quota. It keeps its address and is
	// given it when asked for, so that no address ever means two names (C8).
	retired bool
	stored  chan struct{}
	err     error
}

// nameRecord is a name as the file has it.
type nameRecord struct {
	Address netip.Addr `json:"address"`
	Device  string     `json:"device,omitempty"` // that asked first
	First   time.Time  `json:"first"`
	Last    time.Time  `json:"last"`
	Retired bool       `json:"retired,omitempty"`
}

func newNames(db *file, o Options) *names {
	return &names{
		db: db, opts: o, next: 1,
		byHost: make(map[string]*name), byAddr: make(map[uint32]*name), quota: make(map[string]int), retired: make(map[string]int),
		stale: make(map[string][]*name), crammed: make(map[string]time.Time),
	}
}

func (n *names) load(tx *bbolt.Tx) error {
	stored := make(chan struct{})
	close(stored)
	return tx.Bucket(bucketNames).ForEach(func(k, v []byte) error {
		var r nameRecord
		if err := json.Unmarshal(v, &r); err != nil {
			return fmt.Errorf("read name %q: %w", k, err)
		}
		offset, ok := toOffset(r.Address)
		if !ok {
			return fmt.Errorf("read name %q: address %s is not of the pool", k, r.Address)
		}
		one := &name{host: string(k), offset: offset, device: r.Device, first: r.First, last: r.Last, retired: r.Retired, stored: stored}
		if rival := n.byAddr[offset]; rival != nil { // one of them was forgotten while the disk was broken
			if rival.last.After(one.last) {
				return nil
			}
			n.forget(rival)
		}
		n.byHost[one.host], n.byAddr[offset] = one, one
		n.counts(one)[one.device]++
		n.next = max(n.next, offset+1)
		return nil
	})
}

// AddressOf gives host's own address and has it durable before it returns, so
// that a later hit is sure to find the name. A device that asks for more names
// than its quota gets the shared address for the rest. On a disk error there is
// no address: an answer that could not be explained later is never given.
func (j *Journal) AddressOf(ctx context.Context, asker netip.Addr, host string) (netip.Addr, error) {
	host, ok := hostName(host)
	if !ok {
		return netip.Addr{}, ErrHost
	}
	return j.names.addressOf(ctx, asker, host)
}

// HostOf gives the name that addr was given to, SharedHost for the shared address.
func (j *Journal) HostOf(addr netip.Addr) (host string, ok bool) { return j.names.HostOf(addr) }

func (n *names) addressOf(ctx context.Context, asker netip.Addr, host string) (netip.Addr, error) {
	n.mu.RLock()
	one := n.byHost[host]
	n.mu.RUnlock()
	if one == nil {
		device := n.opts.Identify(nflog.MAC{}, asker).Device
		var record *nameRecord
		one, record = n.reserve(host, device)
		if one == nil {
			return toAddr(poolShared), nil
		}
		if record != nil {
			n.store(one, *record)
		}
	}
	select {
	case <-one.stored:
	case <-ctx.Done():
		return netip.Addr{}, fmt.Errorf("wait for the name to be stored: %w", ctx.Err())
	}
	if one.err != nil {
		return netip.Addr{}, one.err
	}
	n.touch(one)
	return toAddr(one.offset), nil
}

// maxRetired is how many names of a device may be retired, as a multiple of its
// quota. After that its new names share an address until old ones go by age: a
// flood of names costs a device its own share of addresses, and no more.
const maxRetired = 3

// reserve takes a free address for host in memory. Where the quota is used up,
// the device's longest unused name is retired; no name means that all of them are
// in use, or that no address is left. A record is for the caller to store.
func (n *names) reserve(host, device string) (one *name, r *nameRecord) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if one := n.byHost[host]; one != nil {
		return one, nil // another question came first
	}
	offset, ok := n.free()
	if !ok || n.quota[device] >= n.opts.MaxNames && !n.retire(device) {
		if !n.crowded {
			n.crowded = true
			n.opts.Log.Warn("device asks for too many names, the rest share one address", "device", device, "names", n.quota[device])
		}
		return nil, nil
	}
	now := n.opts.Now().UTC()
	one = &name{host: host, offset: offset, device: device, first: now, last: now, stored: make(chan struct{})}
	n.byHost[host], n.byAddr[offset] = one, one
	n.quota[device]++
	n.next = offset + 1
	record := one.record()
	return one, &record
}

// retire has a device's longest unused name make way for another. Called with mu held.
func (n *names) retire(device string) bool {
	if n.retired[device] >= maxRetired*n.opts.MaxNames {
		return false
	}
	old := n.longestUnused(device)
	if old == nil {
		return false
	}
	n.uncount(old)
	old.retired, old.moved = true, true
	n.counts(old)[device]++
	return true
}

// counts is where a name is counted. Called with mu held.
func (n *names) counts(one *name) map[string]int {
	if one.retired {
		return n.retired
	}
	return n.quota
}

func (n *names) uncount(one *name) {
	counts := n.counts(one)
	if counts[one.device]--; counts[one.device] <= 0 {
		delete(counts, one.device)
	}
}

// free finds an address that is nobody's, the one that was longest so first.
func (n *names) free() (offset uint32, ok bool) {
	if len(n.byAddr) >= poolShared-1 {
		return 0, false
	}
	for offset = n.next; ; offset++ {
		if offset >= poolShared {
			offset = 1
		}
		if n.byAddr[offset] == nil {
			return offset, true
		}
	}
}

// store writes a new name, together with those that came while others were
// written: each costs a sync of the disk.
func (n *names) store(one *name, r nameRecord) {
	n.mu.Lock()
	n.unsaved = append(n.unsaved, unsaved{one, r})
	n.mu.Unlock()
	n.writing.Lock()
	defer n.writing.Unlock()
	n.mu.Lock()
	list := n.unsaved
	n.unsaved = nil
	n.mu.Unlock()
	if len(list) == 0 {
		return // who wrote before took it along
	}
	err := n.db.Update(func(tx *bbolt.Tx) error {
		for _, u := range list {
			if err := putName(tx, u.host, u.record); err != nil {
				return err
			}
		}
		return nil
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, u := range list {
		if err != nil {
			u.err = fmt.Errorf("store name: %w", err)
			n.forget(u.name)
		}
		close(u.stored)
	}
}

// record is what the file is to have. Called with mu held.
func (n *name) record() nameRecord {
	return nameRecord{Address: toAddr(n.offset), Device: n.device, First: n.first, Last: n.last, Retired: n.retired}
}

func putName(tx *bbolt.Tx, host string, r nameRecord) error {
	v, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write name: %w", err)
	}
	return tx.Bucket(bucketNames).Put([]byte(host), v)
}

// forget frees a name's address. Called with mu held.
func (n *names) forget(one *name) {
	delete(n.byHost, one.host)
	delete(n.byAddr, one.offset)
	n.uncount(one)
}

// touch remembers that a name is in use, so that it is kept.
func (n *names) touch(one *name) {
	n.mu.Lock()
	defer n.mu.Unlock()
	one.last, one.moved = n.opts.Now().UTC(), true
}

// HostOf gives the name of an address and keeps it in use.
func (n *names) HostOf(addr netip.Addr) (host string, ok bool) {
	offset, ok := toOffset(addr)
	if !ok {
		return "", false
	}
	if offset == poolShared {
		return SharedHost, true
	}
	n.mu.RLock()
	one := n.byAddr[offset]
	n.mu.RUnlock()
	if one == nil {
		return "", false
	}
	n.touch(one)
	return one.host, true
}

// writeTouched writes when names were last used.
func (n *names) writeTouched() error {
	moved := make(map[string]nameRecord)
	n.mu.Lock()
	for host, one := range n.byHost {
		if one.moved {
			moved[host] = one.record()
			one.moved = false
		}
	}
	n.mu.Unlock()
	if len(moved) == 0 {
		return nil
	}
	err := n.db.Update(func(tx *bbolt.Tx) error {
		for host, r := range moved {
			if tx.Bucket(bucketNames).Get([]byte(host)) == nil {
				continue // on its way to the file by itself, or forgotten
			}
			if err := putName(tx, host, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write names: %w", err)
	}
	return nil
}

// prune forgets names that were neither asked nor hit since before.
func (n *names) prune(before time.Time) error {
	var old []string
	n.mu.Lock()
	for host, one := range n.byHost {
		if one.last.Before(before) && len(old) < rowsPerTx {
			old = append(old, host)
			n.forget(one)
		}
	}
	n.mu.Unlock()
	if len(old) == 0 {
		return nil
	}
	err := n.db.Update(func(tx *bbolt.Tx) error {
		names := tx.Bucket(bucketNames)
		for _, host := range old {
			var r nameRecord
			v := names.Get([]byte(host))
			if v == nil || json.Unmarshal(v, &r) == nil && !r.First.Before(before) {
				continue // it has come back meanwhile, and was stored anew
			}
			if err := names.Delete([]byte(host)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget names: %w", err)
	}
	return nil
}

func (n *names) count() int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.byHost)
}

// hostName lowers a name, takes its closing dot off and reports whether it is
// one that hosts have: labels of letters, digits, hyphen and underscore.
func hostName(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	if len(s) == 0 || len(s) > 253 {
		return "", false
	}
	label := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			if label == 0 {
				return "", false
			}
			label = 0
			continue
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return "", false
		}
		if label++; label > 63 {
			return "", false
		}
	}
	return s, label > 0
}

func toAddr(offset uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], poolBase+offset)
	return netip.AddrFrom4(b)
}

// toOffset finds an address in the pool.
func toOffset(a netip.Addr) (uint32, bool) {
	if !a.Is4() {
		return 0, false
	}
	b := a.As4()
	v := binary.BigEndian.Uint32(b[:])
	return v - poolBase, v >= poolBase && v < poolBase+poolSize
}
