package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
)

// MaxRows is how many attempts a report lists; it says whether there were more.
const MaxRows = 20_000

// Report is what devices tried in [From, To), and what was proved.
type Report struct {
	Version int       `json:"version"` // 1
	Site    string    `json:"site"`
	Zone    string    `json:"zone"` // of the site, such as Asia/Seoul: times are in UTC all the same
	Made    time.Time `json:"made"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`

	Devices []Device `json:"devices"`
	// Complete is false where the journal had more than MaxRows.
	Complete bool   `json:"complete"`
	Packets  uint64 `json:"packets"` // of the rows listed, chatter left out

	Proof Proof `json:"proof"`
}

// Device is who tried; "-" is whom nobody knows.
type Device struct {
	Device   string    `json:"device"`
	Cameras  []string  `json:"cameras,omitempty"` // of the device, as they were called then
	Packets  uint64    `json:"packets"`
	Attempts []Attempt `json:"attempts"` // most packets first
}

// Attempt is a row of the journal, as a report has it.
type Attempt struct {
	ID          string    `json:"id"`
	Reason      string    `json:"reason"`
	Source      string    `json:"source,omitempty"`
	MAC         string    `json:"mac"`
	Destination string    `json:"destination"`
	Host        string    `json:"host,omitempty"`
	Protocol    string    `json:"protocol"`
	Port        uint16    `json:"port"` // ICMP: type<<8 | code
	Packets     uint64    `json:"packets"`
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Rest        bool      `json:"rest,omitempty"` // stands for all that found no row of its own
}

// Proof is what the recorder knew of its enforcement when the report was made.
type Proof struct {
	State   string    `json:"state"`
	Reasons []string  `json:"reasons"`
	Since   time.Time `json:"since"` // of the state
	Checked time.Time `json:"checked"`
	// States are what the state was in the period, the oldest first. Between two of them
	// nobody looked, whatever was loaded then.
	States  []Stretch `json:"states"`
	Changes []Change  `json:"changes"` // what others changed in the period, the newest first
	Disarms []Disarm  `json:"disarms"` // that are obeyed now
	Alarms  []string  `json:"alarms"`
	// Account is of the packets since Began, when nvr was started: Dropped = Read + Lost +
	// Unread + Suppressed, but for what is on its way.
	Account Account   `json:"account"`
	Began   time.Time `json:"began"`
	// Canary is nil where it made no round.
	Canary   *Canary  `json:"canary"`
	Unproved string   `json:"unproved"` // why the state is not proved now; empty where it is
	Findings []string `json:"findings"` // about the network around the box
	Unseen   []string `json:"unseen"`   // what no box can see
}

// Stretch is a time over which the state was the same.
type Stretch struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	State  string    `json:"state"`
	Why    string    `json:"why,omitempty"`
	Proofs int       `json:"proofs,omitempty"` // rounds of the canary that proved it
}

// Share is for how much of the period a report can tell a state.
type Share struct {
	State  string
	Time   time.Duration
	Proofs int
}

// Unseen is the state of the time in which nobody looked.
const Unseen = "unseen"

// Shares sums the states of the period up, most time first; the rest of it, up to when
// the report was made, is Unseen.
func (r Report) Shares() []Share {
	var list []Share
	rest := Share{State: Unseen, Time: r.covered()}
	for _, s := range r.Proof.States {
		took := s.To.Sub(s.From)
		if s.State == Unseen {
			continue
		}
		rest.Time -= took
		i := slices.IndexFunc(list, func(x Share) bool { return x.State == s.State })
		if i < 0 {
			i, list = len(list), append(list, Share{State: s.State})
		}
		list[i].Time += took
		list[i].Proofs += s.Proofs
	}
	if rest.Time >= time.Second {
		list = append(list, rest)
	}
	slices.SortStableFunc(list, func(a, b Share) int { return cmp.Compare(b.Time, a.Time) })
	return list
}

// covered is how much of the period was over when the report was made.
func (r Report) covered() time.Duration {
	if r.Made.Before(r.To) {
		return r.Made.Sub(r.From)
	}
	return r.To.Sub(r.From)
}

// Change is what others did to the rules, and what became of it.
type Change struct {
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Layer string    `json:"layer"`
	Found string    `json:"found"`
	Done  string    `json:"done"`
	Count int       `json:"count"`
}

// Disarm is a note of nvr firewall disarm.
type Disarm struct {
	When time.Time `json:"when"`
	Who  string    `json:"who"`
	Why  string    `json:"why"`
}

// Account says what became of each packet dropped.
type Account struct {
	Dropped    uint64 `json:"dropped"`
	Read       uint64 `json:"read"`
	Lost       uint64 `json:"lost"`
	Unread     uint64 `json:"unread"`
	Suppressed uint64 `json:"suppressed"`
	Canary     uint64 `json:"canary"` // of Read, the canary's own
}

// Canary is the last round of the canary before the report was made.
type Canary struct {
	At      time.Time `json:"at"`
	Verdict string    `json:"verdict"`
	Since   time.Time `json:"since"` // of the first of an unbroken row of rounds that proved it; zero where this one did not
	Paths   []Path    `json:"paths"`
	Reasons []string  `json:"reasons"` // why it did not prove it
}

// Path is one way that the canary tried.
type Path struct {
	ID      string `json:"id"`
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
}

// Source is the journal.
type Source interface {
	Query(f journal.Filter) (journal.Page, error)
}

// Make reads the journal over a period, and puts beside it what was proved.
func Make(ctx context.Context, source Source, site, zone string, from, to, now time.Time, proved Proof) (Report, error) {
	r := Report{
		Version: 1, Site: site, Zone: zone, Made: now.UTC(), From: from.UTC(), To: to.UTC(), Devices: []Device{}, Complete: true, Proof: proved,
	}
	r.Proof.Changes = slices.DeleteFunc(slices.Clone(proved.Changes), func(c Change) bool { return c.Last.Before(from) || !c.First.Before(to) })
	byDevice := map[string]*Device{}
	filter := journal.Filter{Since: from, Limit: 500}
	for rows := 0; r.Complete; {
		page, err := source.Query(filter)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return Report{}, fmt.Errorf("read the journal: %w", err)
		}
		for i := range page.Attempts {
			a := &page.Attempts[i]
			if !a.First.Before(to) {
				continue
			}
			if rows++; rows > MaxRows {
				r.Complete = false
				break
			}
			id := cmp.Or(a.Device, journal.Nobody)
			d := byDevice[id]
			if d == nil {
				d = &Device{Device: id}
				byDevice[id] = d
			}
			d.Attempts = append(d.Attempts, rowOf(a))
			d.Packets += a.Count
			for _, c := range a.Cameras {
				if !slices.Contains(d.Cameras, c) {
					d.Cameras = append(d.Cameras, c)
				}
			}
			r.Packets += a.Count
		}
		if filter.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	for _, d := range byDevice {
		slices.SortFunc(d.Attempts, func(a, b Attempt) int { return cmp.Or(cmp.Compare(b.Packets, a.Packets), cmp.Compare(a.ID, b.ID)) })
		r.Devices = append(r.Devices, *d)
	}
	slices.SortFunc(r.Devices, func(a, b Device) int { return cmp.Compare(a.Device, b.Device) })
	return r, nil
}

func rowOf(a *journal.Attempt) Attempt {
	row := Attempt{
		ID: a.ID, Reason: string(a.Reason), MAC: a.MAC.String(), Host: a.Host, Protocol: a.ProtocolName, Port: a.DestinationPort,
		Packets: a.Count, First: a.First.UTC(), Last: a.Last.UTC(), Rest: a.Collected(), Destination: a.DestinationMAC.String(),
	}
	if a.Source.IsValid() {
		row.Source = a.Source.String()
	}
	if a.Destination.IsValid() {
		row.Destination = a.Destination.String()
	}
	return row
}
