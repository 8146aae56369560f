package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/outputs"
	"github.com/stockade-nvr/stockade/firewall/places"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
	"github.com/stockade-nvr/stockade/firewall/sightings"
	"github.com/stockade-nvr/stockade/firewall/sinkhole"
	"github.com/stockade-nvr/stockade/recorder/playback"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/cert"
)

// connectEvery spaces the connection attempts of all streams: 250 a second.
const connectEvery = 4 * time.Millisecond

// appOptions say what to run.
type appOptions struct {
	Site     *configs.Site
	Config   string       // path of the site file, looked at for changes; empty: never
	Listener net.Listener // of the demo, already bound
	Demo     bool
	Log      *slog.Logger
}

// app is the whole product: it owns each package's object and runs them.
type app struct {
	appOptions
	started time.Time

	// people is nil in the demo, and until it can be opened. It is set once, under
	// change and mu: either guards reading it.
	people  *people
	arrived chan struct{} // closed when people is there
	cert    *cert.Keeper  // nil on loopback
	signOn  signOns
	server  *ui.Server     // nil until people is there
	release release        // what waits for a second admin
	waits   sync.WaitGroup // those who wait for that

	store   *storage.Store
	player  *playback.Player
	journal *journal.Journal
	// forgetful is why the journal is in memory only.
	forgetful error
	outputs   *outputs.Outputs
	hits      *nflog.Reader
	asked     *nflog.Reader   // questions to foreign servers, which are answered here
	book      *sightings.Book // nil while arming
	enrol     enrolment
	// inspections is nil while arming.
	inspections *inspections
	nudges      chan chan struct{} // to look at the site file now, each closed when that is done
	fw          *firewall.Firewall
	owners      atomic.Pointer[owners]
	places      *places.Book
	pacer       *streams.Pacer
	logins      *streams.Accounts
	leases      atomic.Pointer[sinkhole.Leases]
	sink        atomic.Pointer[sinkhole.Sinkhole] // DNS and NTP; nil until containment was enforced
	dhcp        atomic.Pointer[sinkhole.Sinkhole] // nil until then, and where the site switches it off

	change   sync.Mutex // one change of the site at a time
	mapped   string     // revision that users of sign-on providers are held to; guarded by change
	dialling bool       // cameras may be dialled: containment was enforced; guarded by change

	mu      sync.RWMutex
	site    *configs.Site // guarded by mu, as all below
	running map[streamKey]*running
	refused refusal
	ruined  error            // what of state.db turned out to be damaged while it was open
	failing map[string]error // tasks that ended and have not run steadily since, by name
}

// newApp arms, then opens the databases and volumes. Nothing is dialled yet.
func newApp(ctx context.Context, o appOptions) (*app, error) {
	a := &app{
		appOptions: o, started: time.Now(), site: o.Site,
		pacer: streams.NewPacer(connectEvery), logins: streams.NewAccounts(), running: map[streamKey]*running{},
		failing: map[string]error{}, arrived: make(chan struct{}), nudges: make(chan chan struct{}),
		signOn: signOns{changed: make(chan struct{}, 1)},
	}
	a.owners.Store(ownersOf(o.Site))
	a.leases.Store(leasesOf(o.Site))
	a.places = places.New(places.Options{Log: o.Log, Files: placesOf(o.Site), System: places.Debian()})
	a.hits = nflog.New(nflog.Options{Group: ruleset.LogGroup, Log: o.Log, Handle: func(h *nflog.Hit) {
		if a.fw.Hit(h) { // the canary's: no device's attempt
			return
		}
		a.book.Hit(h)
		a.journal.Add(h)
	}})
	a.asked = nflog.New(nflog.Options{Group: ruleset.AskedGroup, Log: o.Log, Handle: func(h *nflog.Hit) {
		if !a.fw.Own(h) {
			a.journal.Add(h)
		}
	}})
	a.fw = firewall.New(firewall.Options{
		StateDir: o.Site.Storage.State, PortsFile: portsFile(o.Config), GuardFile: guardFile(o.Config), Absent: true, Log: o.Log, Root: systemRoot(),
		Hits:    func() (read, lost uint64) { s := a.hits.Stats(); return s.Read, s.Lost },
		Binding: a.hits.Binding, Findings: a.found,
		Key: siteKeyOf(o.Site.Storage.State), Site: func() string { return a.current().Name },
	})
	// Ahead of the rules, so that the first packet they drop is on the list, too. No
	// condition of arming (C1): where it fails, the task that reads tries again.
	if err := a.hits.Bind(ctx); err != nil {
		o.Log.Warn("what is dropped until the log can be read is counted, and not listed", "error", err)
	}
	if err := a.arm(ctx); err != nil {
		return nil, err
	}
	a.openBook()
	a.enrol = newEnrolment(a)
	a.inspections = newInspections(a)
	a.openFaces()
	var err error
	if a.store, err = storage.OpenStore(a.firstStorage()); err != nil {
		return nil, errors.Join(fmt.Errorf("open storage: %w", err), a.closePeople())
	}
	a.player = playback.New(playback.Options{Store: playback.OnDisk(a.store), Log: o.Log})
	if err := a.openJournal(); err != nil {
		return nil, errors.Join(err, a.store.Close(), a.closePeople())
	}
	a.outputs = a.newOutputs()
	if a.Demo || a.people != nil {
		a.server = ui.New(a.uiOptions())
	}
	return a, nil
}

// run records and serves until ctx ends. The rules stay (C1).
func (a *app) run(ctx context.Context) error {
	// The store outlives the streams, so that their last parts reach the disk, and
	// the audit outlives what is written into it.
	lasting, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	last := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		last <- a.last(lasting)
		cancel() // without a store there is nothing to run for
	}()
	err := a.serve(ctx)
	cancel()
	a.waits.Wait()
	end()
	return errors.Join(err, <-last, a.journal.Close(), a.store.Close(), a.closePeople())
}

// last runs what ends last.
func (a *app) last(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.store.Run(ctx) })
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-a.arrived:
			return a.again(ctx, taskAudit, a.folk().audit.Run)
		}
	})
	return g.Wait()
}

// serve runs everything but the store. The page and the repairs run from the
// start, whatever state containment is in: they are how one learns what is
// wrong, and how it heals. Cameras and what answers them wait for enforcement.
func (a *app) serve(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.beat(ctx) })
	g.Go(func() error { return a.fw.Run(ctx) })
	g.Go(func() error { return a.journal.Run(ctx) })
	g.Go(func() error { return a.places.Run(ctx) })
	g.Go(func() error { return a.again(ctx, taskHits, a.hits.Run, nflog.ErrNoRights) })
	g.Go(func() error { return a.again(ctx, taskAsked, a.asked.Run, nflog.ErrNoRights) })
	g.Go(func() error { return a.again(ctx, taskSightings, a.book.Run) })
	g.Go(func() error { return a.outputs.Run(ctx) })
	g.Go(func() error { return a.servePeople(ctx) })
	enforced := make(chan struct{})
	g.Go(func() error {
		if a.awaitContainment(ctx) != nil {
			return nil //nolint:nilerr // asked to end before anything was enforced
		}
		close(enforced)
		return a.serveCameras(ctx)
	})
	g.Go(func() error { return a.superviseStreams(ctx, enforced) })
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-enforced:
			return a.inspections.run(ctx)
		}
	})
	return g.Wait()
}

// serveCameras answers what cameras ask of their network. DHCP is by itself: who
// holds its port keeps nobody from DNS and the time.
func (a *app) serveCameras(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	sink := a.newSinkhole()
	a.sink.Store(sink)
	g.Go(func() error { return a.again(ctx, taskSinkhole, sink.Run) })
	if a.current().CameraNetwork.DHCP {
		dhcp := sinkhole.New(sinkhole.Options{Log: a.Log, Device: bridge, DHCP: true, Leases: a.leases.Load})
		a.dhcp.Store(dhcp)
		g.Go(func() error { return a.again(ctx, taskDHCP, dhcp.Run) })
	}
	return g.Wait()
}

// newSinkhole answers cameras on all of our addresses on their side.
func (a *app) newSinkhole() *sinkhole.Sinkhole {
	network := a.current().CameraNetwork
	o := sinkhole.Options{
		Log: a.Log, Device: bridge, DNS: network.DNS, NTP: network.NTP, Names: a.journal,
	}
	for _, p := range network.Addresses {
		o.Listen = append(o.Listen, p.Addr())
	}
	return sinkhole.New(o)
}

// current gives the site as it is in force.
func (a *app) current() *configs.Site {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.site
}
