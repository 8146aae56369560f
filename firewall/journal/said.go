package journal

import (
	"slices"

	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/said"
)

// Bounds of what is read of packets and kept of it.
const (
	maxSaid      = 16   // names of an attempt: the first ones
	maxSaidBytes = 1024 // of all its names and details
	// Packets of a device that are looked into between two settles: beyond that it
	// floods, and says nothing new.
	maxReadEach = 64
)

// listen keeps the names that a hit says. A row for many destinations keeps none:
// whose they were could not be told. Called with mu held.
func (t *table) listen(r *row, b *bucket, h *nflog.Hit) {
	if len(h.Body) == 0 || r.attempt.SaidMore || r.key.other || r.key.folded == foldTargets {
		return
	}
	if b.readTurn != t.turn {
		b.readTurn, b.reads = t.turn, 0
	}
	if b.reads++; b.reads > maxReadEach {
		return
	}
	r.attempt.say(said.Names(h.Protocol, h.DstPort, h.Body))
}

// say adds names to those that an attempt said before; each is kept once.
func (a *Attempt) say(names []said.Name) {
	for _, n := range names {
		same := func(o said.Name) bool { return o.By == n.By && o.Name == n.Name }
		switch {
		case slices.ContainsFunc(a.Said, same):
		case len(a.Said) == maxSaid || a.saidBytes()+len(n.Name)+len(n.Detail) > maxSaidBytes:
			a.SaidMore = true
		default:
			a.Said = append(slices.Clip(a.Said), n) // who was told of it has the slice, too
		}
	}
}

func (a *Attempt) saidBytes() (sum int) {
	for _, n := range a.Said {
		sum += len(n.Name) + len(n.Detail)
	}
	return sum
}

// locate says where a row's destination is, unless that was known before: whose an
// address was at the first hit stays with the row. The host name stays in use as
// long as its address is hit, so that the address is not given to another.
// Called with mu held, when the row has changed.
func (t *table) locate(r *row) {
	a := &r.attempt
	switch {
	case a.Collected() && !a.Many || !a.Destination.IsValid():
	case a.Host != "":
		t.hostOf(a.Destination)
	case a.Country == "" && a.Network == "":
		p := t.opts.Locate(a.Destination)
		a.Country, a.Network = p.Country, p.Network
	}
}
