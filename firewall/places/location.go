package places

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
)

// location is a database of libloc, format 1 (libloc's src/libloc/format.h). All
// numbers are big endian.
//
//	0     "LOCDBXX", version
//	8     made at (8), vendor, description, licence (4 each, places in the pool)
//	28    offset and length (4 each) of: networks' owners, networks, tree, countries, pool
//	68    signatures
//	...   the five parts, anywhere behind
//
// An owner is number, name (4 each, the name a place in the pool); they are in order.
// A network is country (2), 2, number of the owner (4), flags (2), 2. A node of the
// tree is zero, one (4 each: the next node, or 0), network (4: its place, or -1).
type location struct {
	owners, networks, tree, pool []byte
}

// Sizes of the parts' pieces, in bytes.
const (
	locationHeader  = 68
	locationOwner   = 8
	locationNetwork = 12
	locationNode    = 12
	noNetwork       = 0xffffffff
)

// loadLocation reads a file of libloc.
func loadLocation(path string) (source, error) {
	b, err := readFile(path)
	if err != nil {
		return nil, err
	}
	l, err := readLocation(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

func readLocation(b []byte) (*location, error) {
	if len(b) < locationHeader || !bytes.HasPrefix(b, []byte("LOCDBXX\x01")) {
		return nil, fmt.Errorf("%w: no location database of format 1", ErrDamaged)
	}
	l := &location{}
	for i, part := range []*[]byte{&l.owners, &l.networks, &l.tree, nil, &l.pool} {
		at := 28 + 8*i
		from, size := uint64(binary.BigEndian.Uint32(b[at:])), uint64(binary.BigEndian.Uint32(b[at+4:]))
		if from+size > uint64(len(b)) {
			return nil, fmt.Errorf("%w: it ends early", ErrDamaged)
		}
		if part != nil {
			*part = b[from : from+size]
		}
	}
	if len(l.tree) < locationNode || len(l.networks) < locationNetwork {
		return nil, fmt.Errorf("%w: it has no networks", ErrDamaged)
	}
	return l, nil
}

// place walks the tree along an address and takes the last network on the way.
func (l *location) place(a netip.Addr) (p Place) {
	bits := a.As16() // IPv4 is in ::ffff:0:0/96
	network := uint32(noNetwork)
	node := uint64(0)
	for i := 0; ; i++ {
		at := node * locationNode
		if at+locationNode > uint64(len(l.tree)) {
			break
		}
		n := l.tree[at : at+locationNode]
		if here := binary.BigEndian.Uint32(n[8:]); here != noNetwork {
			network = here
		}
		if i == 128 {
			break
		}
		next := n[4*(bits[i/8]>>(7-i%8)&1):]
		if node = uint64(binary.BigEndian.Uint32(next)); node == 0 {
			break
		}
	}
	at := uint64(network) * locationNetwork
	if network == noNetwork || at+locationNetwork > uint64(len(l.networks)) {
		return p
	}
	n := l.networks[at : at+locationNetwork]
	p.Country = country(string(n[:2]))
	if number := binary.BigEndian.Uint32(n[4:]); number != 0 {
		p.Network = owner(uint64(number), l.name(number))
	}
	return p
}

// name looks an owner's name up, "" when it is not there.
func (l *location) name(number uint32) string {
	from, to := 0, len(l.owners)/locationOwner
	for from < to {
		mid := (from + to) / 2
		o := l.owners[mid*locationOwner:]
		switch have := binary.BigEndian.Uint32(o); {
		case have < number:
			from = mid + 1
		case have > number:
			to = mid
		default:
			at := uint64(binary.BigEndian.Uint32(o[4:]))
			if at >= uint64(len(l.pool)) {
				return ""
			}
			text, _, _ := bytes.Cut(l.pool[at:], []byte{0})
			return string(text[:min(len(text), 4*maxOwner)])
		}
	}
	return ""
}
