package journal

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/pattern"
)

// Bounds of the table that no option sets.
const (
	freeRowsEach = 64    // rows that every device may have, however full the table is
	maxSources   = 65536 // remembered owners of address pairs; then forgotten and asked again
	maxBuckets   = 16384 // devices and ports; what is beyond shares one
	idleSettles  = 2400  // settles (10 minutes) without a hit, then a row leaves memory
)

// table holds the rows that are being counted. Rows that are not in it may well
// be in the file: settling joins them.
type table struct {
	opts   Options
	hostOf func(netip.Addr) (string, bool)

	mu      sync.Mutex // guards everything below, and the rows
	rows    map[key]*row
	sources map[source]*bucketOf
	buckets map[string]*bucket
	stored  map[string]int       // by bucket name: attempts settled as rows of their own
	crammed map[string]time.Time // buckets of which nothing was old enough to go, and since when
	changed []*row               // rows with changed set, in the order of their first change
	waiting map[rowID]*row       // settled and told, not yet in the file as they are: in Journal.dirty
	spreads []spread             // that have begun: earlier rows are to be folded too
	gone    map[rowID]bool       // folded, but in the file until that has the row they went into; changed with Journal.work held too
	turn    int64                // counts settles
	epoch   int64                // counts seconds: how long an owner is believed

	hits, folded uint64
}

// source is a pair of addresses, at a port; forged is true of a hit whose
// addresses are not to be believed.
type source struct {
	mac    nflog.MAC
	ip     netip.Addr
	port   string
	forged bool
}

func sourceOf(h *nflog.Hit) source {
	forged := h.Prefix.Reason == nflog.Spoof || h.Prefix.Reason == nflog.UnknownDevice
	return source{h.SrcMAC, h.Src, h.Port, forged}
}

// bucketOf is where a source's attempts are counted.
type bucketOf struct {
	bucket   *bucket
	cameras  []string
	kind     string // of the device, as declared
	siblings int
	epoch    int64
	spread   pattern.Fan // over destinations
	counted  bool        // in the bucket's spread over sources
	invented bool        // ... of which it is one too many

	unsettled int // rows made that were not settled yet
}

// bucket is one device, or one port for those who are nobody's. It bounds what
// one of them can fill.
type bucket struct {
	name   string
	device string
	rows   int // of its own attempts in memory

	reads    int // packets that were looked into
	readTurn int64

	sources pattern.Fan // spread over sources
	targets pattern.Fan // spread over destinations of those whose source was folded
}

// row is an attempt in memory.
type row struct {
	attempt  Attempt
	id       rowID
	key      key
	bucket   *bucket
	from     *bucketOf
	evidence []byte // first packet, until written
	timeline pattern.Timeline
	rhythm   pattern.Rhythm
	called   bool    // a burst began since the rhythm was last looked at
	settled  bool    // attempt holds the whole count, not only what came since it was made
	changed  bool    // in table.changed
	into     *row    // the row that its hits go to, nil for itself
	took     []rowID // attempts of the file that went into it, to be deleted when it is written
	touched  int64   // turn of the last hit

	hits    uint64 // since it came to memory
	written bool   // the file has it

	// Of the last hit that a row "other" took in, to know a scan.
	lastTo   netip.Addr
	lastPort uint16
	lastFrom source

	lastCrowded key // of the last hit that it took in because the table was full
}

func newTable(o Options, hostOf func(netip.Addr) (string, bool)) *table {
	return &table{
		opts: o, hostOf: hostOf,
		rows: make(map[key]*row), sources: make(map[source]*bucketOf), buckets: make(map[string]*bucket),
		stored: make(map[string]int), crammed: make(map[string]time.Time), waiting: make(map[rowID]*row), gone: make(map[rowID]bool),
	}
}

// add counts one hit.
func (t *table) add(h *nflog.Hit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hits++
	s := t.owner(sourceOf(h))
	k := keyOf(s.bucket.name, h)
	r, crowded := t.rows[k], false
	if r == nil {
		if t.full(s.bucket) {
			r, crowded = t.crowded(k, s, h), true
		} else {
			r = t.newRow(k, s, h)
		}
	}
	for r.into != nil {
		r.touched = t.turn
		r = r.into
	}
	if crowded && r.lastCrowded != k { // one that comes again at once is the same
		r.attempt.Folded++
		r.lastCrowded = k
	}
	if r.key.other {
		r.noteFolded(h)
	}
	if r.key.other || r.key.folded != foldNone {
		t.folded++
	}
	r.count(h, t.turn)
	t.listen(r, s.bucket, h)
	t.change(r)
}

// owner finds whose bucket a source counts in.
func (t *table) owner(s source) *bucketOf {
	b := t.sources[s]
	if b != nil && b.epoch == t.epoch {
		return b
	}
	o := t.opts.Identify(s.mac, s.ip)
	if b == nil || b.bucket.device != o.Device {
		if len(t.sources) >= maxSources {
			clear(t.sources)
		}
		b = &bucketOf{bucket: t.bucket(bucketName(o.Device, s.port, s.forged), o.Device)}
		t.sources[s] = b
	}
	b.cameras, b.kind, b.siblings, b.epoch = o.Cameras, o.Kind, o.Siblings, t.epoch
	return b
}

// bucketName keeps unknown devices at different ports apart, so that one of them
// cannot fill the others' share, and what somebody does in a device's name apart
// from what it does itself. No device id contains a colon.
func bucketName(device, port string, forged bool) string {
	switch {
	case device != "" && forged:
		return "forged:" + device
	case device != "":
		return device
	}
	return "port:" + port
}

func (t *table) bucket(name, device string) *bucket {
	b := t.buckets[name]
	if b == nil && len(t.buckets) >= maxBuckets {
		name = bucketName(device, "*", strings.HasPrefix(name, "forged:"))
		b = t.buckets[name]
	}
	if b == nil {
		b = &bucket{name: name, device: device}
		t.buckets[name] = b
	}
	return b
}

// full reports whether a new attempt of b must go to its row "other".
func (t *table) full(b *bucket) bool {
	return b.rows >= t.opts.MaxPerDevice || len(t.rows) >= t.opts.MaxInMemory && b.rows >= freeRowsEach
}

func (t *table) newRow(k key, s *bucketOf, h *nflog.Hit) *row {
	r := t.makeRow(k, s, h)
	t.rows[k] = r
	s.bucket.rows++
	s.unsettled++
	return r
}

// makeRow makes a row that is not in the table yet.
func (t *table) makeRow(k key, s *bucketOf, h *nflog.Hit) *row {
	r := &row{id: k.id(), key: k, bucket: s.bucket, from: s}
	r.attempt = Attempt{
		ID: r.id.String(), First: h.Time, Kind: s.kind,
		Device: s.bucket.device, Cameras: s.cameras, MAC: h.SrcMAC, Source: h.Src, Reason: h.Prefix.Reason,
		Family: h.Family, Protocol: h.Protocol, ProtocolName: protocolName(h),
		Destination: h.Dst, DestinationPort: h.DstPort,
		Chatter: isChatter(h),
	}
	if h.Family == 0 {
		r.attempt.EtherType, r.attempt.DestinationMAC = h.EtherType, h.DstMAC
	}
	r.attempt.Host, _ = t.hostOf(h.Dst)
	r.evidence = slices.Clone(h.Payload)
	return r
}

// other gives the bucket's row for what finds no row of its own. There is one
// per reason; it counts in no bound.
func (t *table) other(s *bucketOf, h *nflog.Hit) *row {
	k := key{bucket: s.bucket.name, reason: h.Prefix.Reason, other: true}
	r := t.rows[k]
	if r == nil {
		r = &row{id: k.id(), key: k, bucket: s.bucket, from: s}
		r.attempt = Attempt{
			ID: r.id.String(), First: h.Time, Kind: s.kind, Device: s.bucket.device, Cameras: s.cameras,
			Reason: h.Prefix.Reason, ProtocolName: "other", Overflow: true, Chatter: isChatter(h),
		}
		t.rows[k] = r
	}
	return r
}

// protocolTCP is IP's number of TCP.
const protocolTCP = 6

// count takes a hit into the row.
func (r *row) count(h *nflog.Hit, turn int64) {
	a := &r.attempt
	r.hits++
	a.Count++
	a.Bytes += uint64(h.Length)
	r.timeline.Add(h.Time, 1)
	if !r.key.other && r.key.folded == foldNone {
		port := uint16(0)
		if h.Protocol == protocolTCP {
			port = h.SrcPort
		}
		r.called = r.rhythm.Note(h.Time, port) || r.called
	}
	if h.Time.After(a.Last) {
		a.Last = h.Time
	}
	if h.Time.Before(a.First) {
		a.First = h.Time
	}
	a.Port = h.Port
	a.Layer, a.Rule, a.Revision = h.Prefix.Layer, h.Prefix.Rule, h.Prefix.Revision
	r.touched = turn
}

// noteFolded tells a scan (one source, ever new destinations) from a flood with
// invented sources.
func (r *row) noteFolded(h *nflog.Hit) {
	from := sourceOf(h)
	if r.lastFrom == from && (r.lastTo != h.Dst || r.lastPort != h.DstPort) {
		r.attempt.Scan = true
	}
	r.lastFrom, r.lastTo, r.lastPort = from, h.Dst, h.DstPort
	r.attempt.Chatter = r.attempt.Chatter && isChatter(h)
}

// change puts a row on the list of those to settle and tell.
func (t *table) change(r *row) {
	if !r.changed {
		r.changed = true
		t.changed = append(t.changed, r)
	}
}

// tick starts the next settle; each second owners are asked anew.
func (t *table) tick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn++
	if t.turn%int64(settlesASec) == 0 {
		t.epoch++
	}
}

// evict lets rows go that are written and have had no hit for a while. What they
// counted is in the file; their next hit finds it there. A folded row always
// goes: its next hit tries anew for a row of its own.
func (t *table) evict() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, r := range t.rows {
		if r.into != nil && !r.changed {
			delete(t.rows, k)
			r.bucket.rows--
			continue
		}
		if r.changed || t.waiting[r.id] == r || t.turn-r.touched < idleSettles {
			continue
		}
		if !r.settled {
			continue
		}
		delete(t.rows, k)
		if !k.other {
			r.bucket.rows--
		}
	}
}

func (t *table) totals() Totals {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Totals{Hits: t.hits, Folded: t.folded, InMemory: len(t.rows)}
}
