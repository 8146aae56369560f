package sightings

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// List gives what is not pinned as it was seen, the most recent first, with what
// that means.
func (b *Book) List() []Sighting {
	b.mu.Lock()
	defer b.mu.Unlock()
	users := map[netip.Addr][]nflog.MAC{} // of an address, those not pinned to it
	for mac, s := range b.seen {
		for _, a := range b.foreign(s) {
			users[a.IP] = append(users[a.IP], mac)
		}
	}
	var all []Sighting
	for _, s := range b.seen {
		addresses := b.foreign(s)
		pin, ours := b.site.byMAC[s.MAC]
		if ours && len(addresses) == 0 {
			continue // pinned since
		}
		v := *s
		v.Device = pin.Device
		v.Addresses, v.Tried = addresses, slices.Clone(s.Tried)
		v.Meanings = b.meanings(&v, users)
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, c Sighting) int {
		return cmp.Or(c.Last.Compare(a.Last), bytes.Compare(a.MAC[:], c.MAC[:]))
	})
	return all
}

// foreign are the addresses of a sighting that its MAC is not pinned to.
func (b *Book) foreign(s *Sighting) []Address {
	pin, ours := b.site.byMAC[s.MAC]
	list := make([]Address, 0, len(s.Addresses))
	for _, a := range s.Addresses {
		if !ours || a.IP != pin.IP {
			list = append(list, a)
		}
	}
	return list
}

// meanings are what contradicts itself, or the site file.
func (b *Book) meanings(s *Sighting, users map[netip.Addr][]nflog.MAC) []Meaning {
	var all []Meaning
	for _, a := range s.Addresses {
		if s.Device != "" {
			all = append(all, Meaning{Code: Moved, Device: s.Device, IP: a.IP})
		}
		if pin, taken := b.site.byIP[a.IP]; taken && pin.MAC != s.MAC {
			all = append(all, Meaning{Code: TakesAddress, Device: pin.Device, MAC: pin.MAC, IP: a.IP})
		}
		switch {
		case b.site.ours(a.IP):
			all = append(all, Meaning{Code: Ours, IP: a.IP})
		case !b.site.inside(a.IP):
			all = append(all, Meaning{Code: Outside, IP: a.IP})
		}
		others := 0
		for _, mac := range users[a.IP] {
			if mac != s.MAC && others < maxAddresses {
				all = append(all, Meaning{Code: SharedAddress, MAC: mac, IP: a.IP})
				others++
			}
		}
	}
	switch {
	case len(s.Addresses) == 0:
		all = append(all, Meaning{Code: NoAddress})
	case len(s.Addresses) > 1 || s.More:
		all = append(all, Meaning{Code: ManyAddresses})
	}
	return all
}

// Candidate is the one address that a sighting can be pinned to without a choice
// to make; not valid where there is none, or more than one.
func (s Sighting) Candidate() netip.Addr {
	if len(s.Addresses) != 1 || s.More {
		return netip.Addr{}
	}
	for _, m := range s.Meanings {
		switch m.Code {
		case Moved, TakesAddress, SharedAddress, ManyAddresses, Outside, Ours, NoAddress:
			return netip.Addr{}
		}
	}
	return s.Addresses[0].IP
}

// Unlisted says of which ports there was more than is listed.
func (b *Book) Unlisted() []Unlisted {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Unlisted
	for name, p := range b.ports {
		if p.unlisted > 0 {
			all = append(all, Unlisted{Port: name, Count: p.unlisted, Last: p.last})
		}
	}
	slices.SortFunc(all, func(a, c Unlisted) int { return strings.Compare(a.Port, c.Port) })
	return all
}

// Pinned says what became of a pinned device.
func (b *Book) Pinned(mac nflog.MAC) Blocked {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.pinned[mac]; p != nil {
		return *p
	}
	return Blocked{}
}

// Findings gives what was found about the network, worst first, then the most
// recent first.
func (b *Book) Findings() []Finding {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Finding, 0, len(b.findings))
	for _, f := range b.findings {
		all = append(all, *f)
	}
	sortFindings(all)
	return all
}

func sortFindings(all []Finding) {
	slices.SortFunc(all, func(a, c Finding) int {
		return cmp.Or(cmp.Compare(c.Level(), a.Level()), c.Last.Compare(a.Last), strings.Compare(a.Text(), c.Text()))
	})
}
