package sightings

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// Book is what was seen so far.
type Book struct {
	o Options

	mu       sync.Mutex // guards everything below
	site     site
	seen     map[nflog.MAC]*Sighting
	ports    map[string]*share
	pinned   map[nflog.MAC]*Blocked            // by the MAC of a pinned device
	asked    map[string]map[netip.Addr]*asking // at a port, for an address
	findings map[findingKey]*Finding
	changed  bool // since the file was written
}

// site is a Site that is quick to look into.
type site struct {
	Site
	byMAC map[nflog.MAC]Pin
	byIP  map[netip.Addr]Pin
	ports map[string]bool
}

// share is what one port takes of the Book.
type share struct {
	sightings int
	unlisted  uint64
	last      time.Time // of the unlisted
	swept     time.Time
}

// New makes a Book with what the file knows. A file that cannot be read is told
// in the log and begun anew: what it had is seen again.
func New(o Options) *Book {
	o.setDefaults()
	b := &Book{
		o: o, seen: map[nflog.MAC]*Sighting{}, ports: map[string]*share{}, pinned: map[nflog.MAC]*Blocked{},
		asked: map[string]map[netip.Addr]*asking{}, findings: map[findingKey]*Finding{},
	}
	b.SetSite(Site{})
	if o.File != "" {
		kept, err := Load(o.File)
		if err != nil {
			o.Log.Error("sightings begun anew", "error", err)
		}
		b.take(kept)
	}
	return b
}

// SetSite says what is pinned from now on.
func (b *Book) SetSite(s Site) {
	n := site{Site: s, byMAC: map[nflog.MAC]Pin{}, byIP: map[netip.Addr]Pin{}, ports: map[string]bool{}}
	for _, p := range s.Pins {
		n.byMAC[p.MAC], n.byIP[p.IP] = p, p
	}
	for _, p := range s.Ports {
		n.ports[p] = true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.site = n
	for key, f := range b.findings {
		if n.settles(f) {
			delete(b.findings, key)
			b.changed = true
		}
	}
}

// settles reports whether a finding is none in this site: what was not pinned is.
func (s *site) settles(f *Finding) bool {
	_, mac := s.byMAC[f.MAC]
	_, ip := s.byIP[f.Address]
	switch f.Kind {
	case OtherGateway:
		return mac || !s.ports[f.Port]
	case SecondWay:
		return !mac || s.ports[f.Port]
	case Routed:
		return mac || !s.ports[f.Port]
	case AsksGateway:
		return ip || s.ours(f.Address)
	case SwitchLocal:
		return !s.ports[f.Port]
	case OtherDHCP:
		return s.ours(f.Address) || !s.ports[f.Port]
	}
	return false
}

// compared is the site as it is now; it does not change any more.
func (b *Book) compared() site {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.site
}

// ours reports whether an address is the recorder's on the camera side.
func (s *site) ours(ip netip.Addr) bool {
	return slices.ContainsFunc(s.Addresses, func(p netip.Prefix) bool { return p.Addr() == ip })
}

// inside reports whether an address lies in a camera network.
func (s *site) inside(ip netip.Addr) bool {
	return slices.ContainsFunc(s.Addresses, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// Hit takes a dropped packet. It keeps nothing of h.
func (b *Book) Hit(h *nflog.Hit) {
	if h.SrcMAC.IsZero() || h.SrcMAC[0]&1 != 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if h.Prefix.Reason == nflog.Lateral {
		b.lateral(h)
	}
	if _, ours := b.site.byMAC[h.SrcMAC]; ours {
		b.blocked(h)
	}
	switch h.Prefix.Reason {
	case nflog.UnknownDevice, nflog.Spoof:
	default:
		return
	}
	s := b.sighting(h.SrcMAC, h.Port, h.Time)
	if s == nil {
		return
	}
	if usable(h.Src) {
		a := b.address(s, h.Src, ViaIP, h.Time)
		a.Routed = a.Routed || a.Via != ViaARP && routed(h)
	}
	if h.Family == 4 && h.Dst.IsValid() && !h.Dst.IsMulticast() {
		s.tried(h)
	}
}

// blocked counts what a pinned device tried.
func (b *Book) blocked(h *nflog.Hit) {
	p := b.ofPinned(h.SrcMAC)
	if h.Prefix.Reason != nflog.Chatter && !h.Dst.IsMulticast() {
		p.Count++
		p.Last = h.Time
	}
	b.where(&p.Port, h.Port)
	p.Seen = h.Time
	b.changed = true
}

func (b *Book) ofPinned(mac nflog.MAC) *Blocked {
	p := b.pinned[mac]
	if p == nil {
		p = &Blocked{}
		b.pinned[mac] = p
	}
	return p
}

// where notes a port. Most packets are logged as come by the bridge, which is no
// news where the port is known.
func (b *Book) where(at *string, port string) {
	if port != "" && (*at == "" || b.site.ports[port]) {
		*at = port
	}
}

// lateral notes that a frame for another station arrived at the port that this
// station is behind: their switch brings it there, and us a copy of it.
func (b *Book) lateral(h *nflog.Hit) {
	from, ours := b.site.byMAC[h.SrcMAC]
	to := b.site.byMAC[h.DstMAC]
	there := ""
	if p := b.pinned[h.DstMAC]; p != nil && to.Device != "" {
		there = p.Port
	} else if s := b.seen[h.DstMAC]; s != nil {
		there, to.Device = s.Port, s.MAC.String()
	}
	if ours && there != "" && there == h.Port && b.site.ports[there] {
		f := Finding{Kind: SwitchLocal, Device: from.Device, MAC: h.SrcMAC, Other: to.Device, Port: there}
		if f.Other < f.Device { // the same, whoever speaks
			f.Device, f.Other = f.Other, f.Device
		}
		b.found(f, h.Time)
	}
}

// routed tells by the time to live that a packet passed a router: systems begin
// with one of a few values.
func routed(h *nflog.Hit) bool {
	if h.Family != 4 || len(h.Payload) < 20 {
		return false
	}
	switch ttl := h.Payload[8]; {
	case ttl == 64, ttl == 128, ttl == 255, ttl <= 32:
		return false // low ones are for the neighbourhood
	case ttl > 64-hops && ttl < 64, ttl > 128-hops && ttl < 128, ttl > 255-hops:
		return true
	}
	return false
}

// hops bounds how many routers a camera network may lie behind.
const hops = 8

// frame takes what a listener on a camera port read.
func (b *Book) frame(port string, f frame, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.site.ports[port] {
		return // of the site before
	}
	if f.server.IsValid() && !b.site.ours(f.server) {
		b.otherServer(port, f, now)
	}
	if f.serves {
		return // of its other packets the log tells
	}
	pin, ours := b.site.byMAC[f.src]
	if ours {
		p := b.ofPinned(f.src)
		p.Port, p.Seen, b.changed = port, now, true
		p.learn(f.Fingerprint)
		if f.arp && !f.reply && f.asks != f.claims {
			b.asks(port, f, pin, now)
		}
		if f.arp && (f.claims == pin.IP || !f.claims.IsValid()) || !f.arp && (f.wants == pin.IP || !f.wants.IsValid()) {
			return // as it was pinned
		}
	}
	s := b.sighting(f.src, port, now)
	if s == nil {
		return
	}
	switch {
	case f.arp && f.claims.IsValid():
		b.address(s, f.claims, ViaARP, now)
	case f.arp && f.asks.IsValid(): // a probe for an address before it is used
		b.address(s, f.asks, ViaDHCP, now)
	case f.wants.IsValid():
		b.address(s, f.wants, ViaDHCP, now)
	}
	s.learn(f.Fingerprint)
}

// otherServer takes that another DHCP server answers a device, or that a device
// takes its offer: that is told to everybody, where the answer may not come by here.
func (b *Book) otherServer(port string, f frame, now time.Time) {
	found := Finding{Kind: OtherDHCP, Address: f.server, Port: port}
	if old := b.findings[found.key()]; old != nil {
		found.MAC, found.Device = old.MAC, old.Device
	}
	if f.serves {
		found.MAC = f.src
	} else if pin, ours := b.site.byMAC[f.src]; ours {
		found.Device = pin.Device
	} else if found.Device == "" {
		found.Device = f.src.String()
	}
	b.found(found, now)
}

// elsewhere takes that a MAC was seen on an interface that is no camera port.
func (b *Book) elsewhere(mac nflog.MAC, ip netip.Addr, iface string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if pin, ours := b.site.byMAC[mac]; ours && !b.site.ports[iface] && iface != b.site.Bridge {
		b.found(Finding{Kind: SecondWay, Device: pin.Device, MAC: mac, Address: ip, Port: iface}, now)
	}
}

// sighting gives the row of a MAC, a new one where there is room, else nil.
func (b *Book) sighting(mac nflog.MAC, port string, now time.Time) *Sighting {
	s := b.seen[mac]
	if s == nil {
		p := b.share(port)
		if p.sightings >= b.o.MaxPerPort || len(b.seen) >= maxSightings && p.sightings >= freeEach {
			b.sweep(port, p, now)
		}
		if p.sightings >= b.o.MaxPerPort || len(b.seen) >= maxSightings && p.sightings >= freeEach {
			p.unlisted++
			p.last = now
			return nil
		}
		s = &Sighting{MAC: mac, Port: port, First: now}
		b.seen[mac] = s
		p.sightings++
	}
	if s.Port != port && b.site.ports[port] {
		b.share(s.Port).sightings--
		b.share(port).sightings++
		s.Port = port
	}
	s.Count++
	if now.After(s.Last) {
		s.Last = now
	}
	b.changed = true
	return s
}

func (b *Book) share(port string) *share {
	p := b.ports[port]
	if p == nil {
		if len(b.ports) >= maxPorts {
			port = ""
			if p = b.ports[port]; p != nil {
				return p
			}
		}
		p = &share{}
		b.ports[port] = p
	}
	return p
}

// Of a full port: what may go so that somebody new finds room.
const (
	sweepEvery = time.Second
	fleeting   = time.Minute // seen hardly more than once, and not since
	fewTimes   = 3
	stale      = 24 * time.Hour
)

// sweep makes room at a full port: who invents addresses uses each but once.
func (b *Book) sweep(port string, p *share, now time.Time) {
	if now.Sub(p.swept) < sweepEvery {
		return
	}
	p.swept = now
	for mac, s := range b.seen {
		age := now.Sub(s.Last)
		if s.Port == port && (age > stale || age > fleeting && s.Count < fewTimes) {
			b.drop(mac, s)
		}
	}
}

func (b *Book) drop(mac nflog.MAC, s *Sighting) {
	delete(b.seen, mac)
	b.share(s.Port).sightings--
	b.changed = true
}

// address notes that a sighting used an address.
func (b *Book) address(s *Sighting, ip netip.Addr, via Via, now time.Time) *Address {
	i := slices.IndexFunc(s.Addresses, func(a Address) bool { return a.IP == ip })
	if i < 0 {
		if len(s.Addresses) >= maxAddresses {
			s.More = true
			s.Addresses = s.Addresses[:maxAddresses-1]
		}
		s.Addresses = append(s.Addresses, Address{IP: ip, First: now, Via: via})
		i = len(s.Addresses) - 1
	}
	a := s.Addresses[i]
	a.Last = now
	if via.rank() < a.Via.rank() {
		a.Via = via
	}
	if a.Via == ViaARP {
		a.Routed = false // who answers to an address is no router before it
	}
	copy(s.Addresses[1:i+1], s.Addresses[:i]) // the most recent first
	s.Addresses[0] = a
	return &s.Addresses[0]
}

// rank orders evidence, the best first.
func (v Via) rank() int { return slices.Index([]Via{ViaARP, ViaIP, ViaDHCP}, v) }

// tried notes a destination.
func (s *Sighting) tried(h *nflog.Hit) {
	i := slices.IndexFunc(s.Tried, func(t Try) bool {
		return t.Address == h.Dst && t.Protocol == h.Protocol && t.Port == h.DstPort
	})
	if i < 0 {
		if len(s.Tried) >= maxTried {
			s.Tried = s.Tried[:maxTried-1]
		}
		s.Tried = append(s.Tried, Try{Address: h.Dst, Protocol: h.Protocol, Port: h.DstPort})
		i = len(s.Tried) - 1
	}
	t := s.Tried[i]
	t.Count++
	t.Last = h.Time
	copy(s.Tried[1:i+1], s.Tried[:i])
	s.Tried[0] = t
}
