package sinkhole

import (
	"encoding/binary"
	"hash/fnv"
	"net/netip"
	"slices"
	"time"
)

// MAC is a device's hardware address.
type MAC [6]byte

// Leases say what DHCP hands out, as the site file has it. They do not change
// once they are made: another site file makes others.
type Leases struct {
	networks []netip.Prefix
	pinned   map[MAC]netip.Addr
	taken    map[netip.Addr]bool // pinned, or ours
	pool     []netip.Addr        // the quarantine's addresses in order, pinned ones among them, none of ours
}

// maxQuarantine bounds the addresses for devices that nobody knows.
const maxQuarantine = 1024

// NewLeases makes Leases of our addresses on the camera side, of which there is
// at least one, and of what is pinned. Devices that are not pinned get an address
// that is pinned to nobody: of as many as a quarter of the first network has, the
// last that are not ours. configs refuses a network that has none.
func NewLeases(networks []netip.Prefix, pinned map[MAC]netip.Addr) *Leases {
	l := &Leases{networks: networks, pinned: pinned, taken: map[netip.Addr]bool{}}
	for _, ip := range pinned {
		l.taken[ip] = true
	}
	for _, p := range networks {
		l.taken[p.Addr()] = true
	}
	first := networks[0].Masked()
	hosts := 1<<(32-first.Bits()) - 2
	base := binary.BigEndian.Uint32(first.Addr().AsSlice())
	for host := hosts; host > 0 && len(l.pool) < min(max(hosts/4, 1), maxQuarantine); host-- {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], base+uint32(host))
		if ip := netip.AddrFrom4(b); !l.ours(ip) {
			l.pool = append(l.pool, ip)
		}
	}
	slices.Reverse(l.pool)
	return l
}

// network is our address and the network in which a device's address lies.
func (l *Leases) network(ip netip.Addr) netip.Prefix {
	for _, p := range l.networks {
		if p.Contains(ip) {
			return p
		}
	}
	return l.networks[0]
}

// ours reports whether an address is the recorder's.
func (l *Leases) ours(ip netip.Addr) bool {
	for _, p := range l.networks {
		if p.Addr() == ip {
			return true
		}
	}
	return false
}

// free reports whether an address is one of the quarantine's and pinned to nobody.
func (l *Leases) free(ip netip.Addr) bool {
	if l.taken[ip] {
		return false
	}
	_, found := slices.BinarySearchFunc(l.pool, ip, netip.Addr.Compare)
	return found
}

// Times of leases in quarantine.
const (
	offered  = 30 * time.Second // kept for who was offered it
	declined = 10 * time.Minute // not given again, where somebody else uses it
)

// quarantine is who has which address without being pinned. It is kept in memory
// only: who comes back asks for what it had, and gets it where nobody else has it.
// It is as large as the pool at most. Used by one goroutine.
type quarantine struct {
	byMAC    map[MAC]netip.Addr
	byIP     map[netip.Addr]stay
	declined int // stays of nobody
}

// stay is an address's time with a device; of nobody where it was declined.
type stay struct {
	mac   MAC
	until time.Time
}

func newQuarantine() *quarantine {
	return &quarantine{byMAC: map[MAC]netip.Addr{}, byIP: map[netip.Addr]stay{}}
}

// give finds an address for a device until an instant: its own, the one it wants,
// or any; false where all are in use.
func (q *quarantine) give(l *Leases, mac MAC, wanted netip.Addr, now time.Time, long time.Duration) (netip.Addr, bool) {
	if ip, ok := q.byMAC[mac]; ok {
		if l.free(ip) && (wanted == ip || !q.may(l, mac, wanted, now)) {
			q.keep(mac, ip, now.Add(long))
			return ip, true
		}
		q.forget(ip)
	}
	if q.may(l, mac, wanted, now) {
		q.keep(mac, wanted, now.Add(long))
		return wanted, true
	}
	h := fnv.New32a() // so that a device gets the same again, as long as it is free
	_, _ = h.Write(mac[:])
	for i := range l.pool {
		place := (uint64(h.Sum32()) + uint64(i)) % uint64(len(l.pool))
		if ip := l.pool[place]; q.may(l, mac, ip, now) {
			q.keep(mac, ip, now.Add(long))
			return ip, true
		}
	}
	return netip.Addr{}, false
}

// may reports whether a device can have an address.
func (q *quarantine) may(l *Leases, mac MAC, ip netip.Addr, now time.Time) bool {
	if !l.free(ip) {
		return false
	}
	s, taken := q.byIP[ip]
	return !taken || s.mac == mac || !now.Before(s.until)
}

func (q *quarantine) keep(mac MAC, ip netip.Addr, until time.Time) {
	if s, ok := q.byIP[ip]; ok && s.mac != mac {
		q.forget(ip)
	}
	q.byMAC[mac], q.byIP[ip] = ip, stay{mac, until}
}

func (q *quarantine) forget(ip netip.Addr) {
	s := q.byIP[ip]
	delete(q.byIP, ip)
	if s.mac == (MAC{}) {
		q.declined--
		return
	}
	delete(q.byMAC, s.mac)
}

// decline keeps an address from being given for a while: a device found it in
// use. Half of the pool at most: who declines everything leaves the rest to others.
func (q *quarantine) decline(l *Leases, mac MAC, now time.Time) {
	q.count(l, now) // what is over takes none of that half
	ip, ok := q.byMAC[mac]
	if !ok {
		return
	}
	q.forget(ip)
	if q.declined < len(l.pool)/2 {
		q.byIP[ip] = stay{until: now.Add(declined)}
		q.declined++
	}
}

// count is how many devices have an address at an instant. What is over goes.
func (q *quarantine) count(l *Leases, now time.Time) int {
	for ip, s := range q.byIP {
		if !now.Before(s.until) || !l.free(ip) {
			q.forget(ip)
		}
	}
	return len(q.byMAC)
}
