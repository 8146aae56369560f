package sightings

import (
	"net/netip"
	"slices"
	"time"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// ask is an address that somebody at a port looks for.
type ask struct {
	port string
	ip   netip.Addr
}

// asking is how that went.
type asking struct {
	by          Pin // the pinned device that asked last
	first, last time.Time
	count       int
	tried       time.Time // when we asked for it ourselves
}

// asks notes that a pinned device looks for an address that is nobody's here.
func (b *Book) asks(port string, f frame, by Pin, now time.Time) {
	if !f.asks.IsValid() || b.site.ours(f.asks) {
		return
	}
	if _, pinned := b.site.byIP[f.asks]; pinned {
		return
	}
	at := b.asked[port]
	if at == nil {
		at = map[netip.Addr]*asking{}
		b.asked[port] = at
	}
	a := at[f.asks]
	if a == nil {
		if len(at) >= maxAsked && !forget(at, now) {
			return // somebody scans; what matters is asked for again
		}
		a = &asking{first: now}
		at[f.asks] = a
	}
	a.by, a.last = by, now
	a.count++
}

// forget makes room among the addresses that are asked for at a port.
func forget(at map[netip.Addr]*asking, now time.Time) bool {
	for ip, a := range at {
		if now.Sub(a.last) > fleeting {
			delete(at, ip)
			return true
		}
	}
	return false
}

// probe is a question to send.
type probe struct {
	port string
	from netip.Addr
	whom netip.Addr
}

// How addresses that cameras look for are asked for.
const (
	probesAtOnce = 16
	manyRouted   = 3 // addresses that make a router
)

// review draws conclusions, and says what to ask. It is called each second.
func (b *Book) review(now time.Time) (probes []probe) {
	b.mu.Lock()
	defer b.mu.Unlock()
	answers := map[ask][]*Sighting{}
	for mac, s := range b.seen {
		if now.Sub(s.Last) > b.o.Keep {
			b.drop(mac, s)
			continue
		}
		b.reviewRouted(s)
		for _, a := range s.Addresses {
			if a.Via == ViaARP {
				key := ask{s.Port, a.IP}
				answers[key] = append(answers[key], s)
			}
		}
	}
	for port, at := range b.asked {
		probes = append(probes, b.reviewAsked(port, at, answers, probesAtOnce-len(probes), now)...)
	}
	for key, f := range b.findings {
		if now.Sub(f.Last) > b.o.Keep {
			delete(b.findings, key)
			b.changed = true
		}
	}
	return probes
}

// reviewAsked looks at what devices at one port look for, and says what to ask, at most so much.
func (b *Book) reviewAsked(port string, at map[netip.Addr]*asking, answers map[ask][]*Sighting, atMost int, now time.Time) (probes []probe) {
	for ip, a := range at {
		if _, pinned := b.site.byIP[ip]; pinned || b.site.ours(ip) || now.Sub(a.last) > holds || !b.site.ports[port] {
			delete(at, ip)
			continue
		}
		key, answered := ask{port, ip}, false
		for _, s := range answers[key] {
			answered = b.reviewAnswer(key, a, s) || answered
		}
		if !answered && a.count >= fewTimes && a.last.Sub(a.first) >= b.o.Settle {
			b.note(Finding{Kind: AsksGateway, Device: a.by.Device, MAC: a.by.MAC, Address: ip, Port: port}, a.first, a.last)
		}
		if from, ok := b.site.nearest(ip); ok && now.Sub(a.tried) >= b.o.AskEvery && len(probes) < atMost {
			a.tried = now
			probes = append(probes, probe{port, from, ip})
		}
	}
	return probes
}

// reviewAnswer tells who answers to an address that a camera looks for. That it
// is behind the same port is what makes it a way past this box: from one port to
// another nothing goes.
func (b *Book) reviewAnswer(key ask, a *asking, s *Sighting) bool {
	if _, pinned := b.site.byMAC[s.MAC]; pinned {
		return false
	}
	i := slices.IndexFunc(s.Addresses, func(x Address) bool { return x.IP == key.ip })
	if i < 0 {
		return false
	}
	delete(b.findings, Finding{Kind: AsksGateway, Address: key.ip}.key())
	b.note(Finding{Kind: OtherGateway, Device: a.by.Device, MAC: s.MAC, Address: key.ip, Port: key.port}, s.Addresses[i].First, s.Addresses[i].Last)
	return true
}

// reviewRouted tells a router by the addresses that come with its MAC.
func (b *Book) reviewRouted(s *Sighting) {
	f := Finding{Kind: Routed, MAC: s.MAC, Port: s.Port}
	first, last := time.Time{}, time.Time{}
	for _, a := range s.Addresses {
		if !a.Routed {
			continue
		}
		f.Count++
		if first.IsZero() || a.First.Before(first) {
			first = a.First
		}
		if a.Last.After(last) {
			f.Address, last = a.IP, a.Last
		}
	}
	if f.Count >= manyRouted {
		b.note(f, first, last)
	}
}

// nearest is our address in the network of another.
func (s *site) nearest(ip netip.Addr) (netip.Addr, bool) {
	for _, p := range s.Addresses {
		if p.Contains(ip) {
			return p.Addr(), true
		}
	}
	if len(s.Addresses) == 0 {
		return netip.Addr{}, false
	}
	return s.Addresses[0].Addr(), true
}

// found counts one more sign of a finding.
func (b *Book) found(f Finding, now time.Time) {
	if old := b.findings[f.key()]; old != nil {
		f.Count = old.Count
	}
	f.Count++
	b.note(f, now, now)
}

// note takes a finding that holds from first to last.
func (b *Book) note(f Finding, first, last time.Time) {
	key := f.key()
	old := b.findings[key]
	f.First, f.Last = first, last
	switch {
	case old == nil && len(b.findings) >= maxFindings && !b.yield(f, last):
		return
	case old == nil:
		b.o.Log.Warn("found on the camera network", "kind", string(f.Kind), "finding", f.Text())
	default:
		f.First = old.First
		if old.Last.After(last) {
			f.Last = old.Last
		}
		if *old == f {
			return
		}
	}
	b.findings[key] = &f
	b.changed = true
}

// yield makes room for a finding that is worse than another, or as bad as one
// that is not current any more: who invented as many as there is room for must
// not keep the next one from being told.
func (b *Book) yield(f Finding, now time.Time) bool {
	least := f
	least.Last = now.Add(-holds)
	var found *Finding
	for _, old := range b.findings {
		if old.Level() < least.Level() || old.Level() == least.Level() && old.Last.Before(least.Last) {
			found, least = old, *old
		}
	}
	if found == nil {
		return false
	}
	delete(b.findings, found.key())
	b.changed = true
	return true
}

// portsMissing lists the MACs whose port is not known: packets are logged as come
// by the bridge.
func (b *Book) portsMissing() map[nflog.MAC]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[nflog.MAC]bool{}
	for mac, s := range b.seen {
		if !b.site.ports[s.Port] {
			all[mac] = true
		}
	}
	for mac, p := range b.pinned {
		if _, ours := b.site.byMAC[mac]; ours && !b.site.ports[p.Port] {
			all[mac] = true
		}
	}
	return all
}

// learned takes from the bridge's own table at which port a MAC is.
func (b *Book) learned(mac nflog.MAC, port string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.site.ports[port] {
		return
	}
	if s := b.seen[mac]; s != nil && s.Port != port {
		b.share(s.Port).sightings--
		b.share(port).sightings++
		s.Port, b.changed = port, true
	}
	if p := b.pinned[mac]; p != nil {
		p.Port, b.changed = port, true
	}
}
