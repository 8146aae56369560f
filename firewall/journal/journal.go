package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// Owner is whom a pair of addresses belongs to.
type Owner struct {
	Device  string   // "" when nobody is pinned to it
	Cameras []string // ids of the device's cameras; not changed by anybody afterwards
	// Kind is the declared maker and model, "" when none is; Siblings is how many
	// other devices are of the same.
	Kind     string
	Siblings int
}

// Place is where an address is: "" is what nobody knows.
type Place struct {
	Country string // two letters (ISO 3166)
	Network string // whose network, such as "AS64500 Example Cloud"
}

// Options of a Journal.
type Options struct {
	Log *slog.Logger
	// Identify tells whose addresses these are. The MAC is zero where only the IP
	// is known (DNS questions). It is asked at most once a second per pair, from
	// several goroutines and with the journal locked: it must be quick and must not
	// call back.
	Identify func(mac nflog.MAC, ip netip.Addr) Owner
	// Locate tells where a destination without a host name is. It is asked with the
	// journal locked, like Identify, until it knows; default: nobody knows.
	Locate func(netip.Addr) Place

	MaxPerDevice int           // attempts kept per device, and per port for unknown ones; default 4096
	MaxInMemory  int           // rows in memory, default 65536; each device may have 64 beyond it
	MaxStored    int           // rows in the file, default 1,000,000: then the oldest go
	MaxBytes     int64         // of the file, free pages apart, default 8 GiB: then the oldest go
	Keep         time.Duration // attempts, names and questions older than this go; default 400 days
	MaxNames     int           // host names that get an address of their own, per device; default 1024

	Now func() time.Time // default time.Now
}

// How often the journal works.
const (
	settleEvery = 250 * time.Millisecond // also the most often that a subscriber hears of one attempt
	settlesASec = int(time.Second / settleEvery)
	pruneEvery  = time.Minute
)

// Journal aggregates hits into attempts and keeps them.
type Journal struct {
	opts  Options
	db    *file
	table *table
	names *names
	asked *questions
	subs  subscribers
	clock clockGuard

	work    sync.Mutex // one settle, write or prune at a time
	rescued time.Time  // when the file was last found deleted; guarded by work
	dirty   []*row     // settled, not yet written; guarded by work
	touched time.Time  // when the names' last use was last written; guarded by work

	stored atomic.Int64 // rows in the file
	broken atomic.Bool  // the last write went wrong

	indexed atomic.Bool // all rows are in all indexes
	crowded int         // crowdedHour, less in tests
}

// Open opens the journal's file, or makes it. ErrLocked says that another
// process has it.
func Open(path string, o Options) (*Journal, error) {
	o.setDefaults()
	db, err := openFile(path)
	if err != nil {
		return nil, err
	}
	j := &Journal{opts: o, db: db, crowded: crowdedHour}
	j.names = newNames(db, o)
	j.asked = newQuestions(o)
	j.table = newTable(o, j.names.HostOf)
	if err := j.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("read journal %s: %w", path, err), db.Close())
	}
	return j, nil
}

func (o *Options) setDefaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Identify == nil {
		o.Identify = func(nflog.MAC, netip.Addr) Owner { return Owner{} }
	}
	if o.Locate == nil {
		o.Locate = func(netip.Addr) Place { return Place{} }
	}
	if o.MaxPerDevice <= 0 {
		o.MaxPerDevice = 4096
	}
	if o.MaxInMemory <= 0 {
		o.MaxInMemory = 65536
	}
	if o.MaxStored <= 0 {
		o.MaxStored = 1_000_000
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 8 << 30
	}
	if o.Keep <= 0 {
		o.Keep = 400 * 24 * time.Hour
	}
	if o.MaxNames <= 0 {
		o.MaxNames = 1024
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Add counts one hit. It never waits for the disk and keeps nothing of h.
func (j *Journal) Add(h *nflog.Hit) { j.table.add(h) }

// Run settles, tells, writes and prunes until ctx is done; then it writes what
// is left and returns nil. Errors of the disk are logged once and tried again:
// counts stay in memory meanwhile.
func (j *Journal) Run(ctx context.Context) error {
	j.clock.start(j.opts.Now(), j.newest())
	defer j.subs.closeAll()
	settle := time.NewTicker(settleEvery)
	defer settle.Stop()
	prune := time.NewTicker(pruneEvery)
	defer prune.Stop()
	for turn := 1; ; turn++ {
		select {
		case <-settle.C:
			j.turn(turn%settlesASec == 0)
		case <-prune.C:
			j.report("prune the journal", j.prune())
		case <-ctx.Done():
			j.turn(true)
			return nil
		}
	}
}

// turn settles what changed and, where write says so, writes it.
func (j *Journal) turn(write bool) {
	j.work.Lock()
	defer j.work.Unlock()
	err := j.settle()
	if err == nil && write {
		err = errors.Join(j.keepFile(), j.write())
	}
	if err == nil {
		err = j.indexMore()
	}
	j.report("write the journal", err)
}

// rescueEvery is how often a deleted file is tried to be written anew: it takes as
// long as the file is large.
const rescueEvery = time.Minute

// keepFile puts the file back where somebody deleted it. Until that is done its
// content is lost when the program ends: Totals says that it is broken.
func (j *Journal) keepFile() error {
	if !j.db.gone() {
		return nil
	}
	if now := j.opts.Now(); now.Sub(j.rescued) >= rescueEvery || now.Before(j.rescued) {
		j.rescued = now
		err := j.db.rescue()
		if err == nil {
			j.opts.Log.Warn("somebody deleted the journal, it was written anew", "file", j.db.path)
		}
		return err
	}
	return fmt.Errorf("keep journal: somebody deleted %s", j.db.path)
}

// Flush settles and writes at once what has been added so far.
func (j *Journal) Flush() error {
	j.work.Lock()
	defer j.work.Unlock()
	if err := j.settle(); err != nil {
		return err
	}
	return j.write()
}

// report logs the first of a row of errors, and the recovery.
func (j *Journal) report(what string, err error) {
	was := j.broken.Swap(err != nil)
	switch {
	case err != nil && !was:
		j.opts.Log.Error("journal cannot be written, attempts are kept in memory", "doing", what, "error", err)
	case err == nil && was:
		j.opts.Log.Info("journal is written again")
	}
}

// Close writes what is left and closes the file. Call it after Run has returned.
func (j *Journal) Close() error {
	err := j.Flush()
	return errors.Join(err, j.db.Close())
}

// Totals is the journal's account.
type Totals struct {
	Hits     uint64 // added since the start: Hits = counted in rows of their own + Folded
	Folded   uint64 // of them counted in rows for many: "other", a scan, invented sources
	Attempts int    // rows in the file
	InMemory int    // rows in memory
	Names    int    // host names that have an address of their own
	Untold   uint64 // updates that subscribers were too slow for, since the start
	Broken   bool   // the last write went wrong; counts wait in memory
}

// Totals gives the account so far.
func (j *Journal) Totals() Totals {
	t := j.table.totals()
	t.Attempts = int(j.stored.Load())
	t.Names = j.names.count()
	t.Untold = j.subs.untold.Load()
	t.Broken = j.broken.Load()
	return t
}
