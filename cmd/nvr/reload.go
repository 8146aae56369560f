package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"time"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/storage"
)

// reloadEvery is how often the site file is looked at.
const reloadEvery = 2 * time.Second

// superviseStreams starts all streams once containment is enforced and keeps
// them as the site file says. The file is looked at from the start: what keeps
// containment from being enforced may be a mistake in it.
func (a *app) superviseStreams(ctx context.Context, enforced <-chan struct{}) error {
	defer a.stopAll()
	a.change.Lock()
	a.keep(a.keepPledge(ctx, a.current()))
	a.holdToProviders()
	a.change.Unlock()
	hup := make(chan os.Signal, 1)
	var look <-chan time.Time
	if a.Config != "" {
		signal.Notify(hup, syscall.SIGHUP)
		defer signal.Stop(hup)
		tick := time.NewTicker(reloadEvery)
		defer tick.Stop()
		look = tick.C
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-enforced:
			enforced = nil
			if err := a.dial(ctx); err != nil {
				return err
			}
		case <-hup:
			a.retryPledge()
			a.reload(ctx, true)
		case <-look:
			a.retryPledge()
			a.reload(ctx, false)
		case looked := <-a.nudges:
			a.reload(ctx, false)
			close(looked)
		}
	}
}

// dial starts the streams of the site, and from now on those of each site after it.
func (a *app) dial(ctx context.Context) error {
	a.change.Lock()
	defer a.change.Unlock()
	want, err := streamsOf(a.current())
	if err != nil {
		return err
	}
	a.dialling = true
	a.start(ctx, want)
	a.unschedule(want)
	return nil
}

// refusal is why the site file as it is now is not in force.
type refusal struct {
	why string
	// failed is the revision that was tried and could not be enforced. Trying
	// stops cameras, so it is tried again only when the file changes or when
	// somebody asks by SIGHUP; what is found wrong before that costs nothing and
	// is looked at again each time.
	failed string
}

// reload takes the site file and the passwords if they have changed and are
// valid; else the site stays as it is, and the page and the log say why. insist
// tries also what failed before.
func (a *app) reload(ctx context.Context, insist bool) {
	a.change.Lock()
	defer a.change.Unlock()
	old := a.current()
	site, err := configs.Load(a.Config)
	if err == nil && site.Revision == a.refusal().failed && !insist {
		return
	}
	var failed string
	switch {
	case err != nil:
	case site.Revision == old.Revision:
		err = a.renew(ctx, old)
		if insist {
			a.askAgain(ctx)
		}
	default:
		if err = a.acceptable(old, site); err != nil {
			break
		}
		if err = a.apply(ctx, old, site); err != nil {
			failed = site.Revision
			break
		}
		a.Log.Info("site file taken", "revision", site.Revision)
	}
	a.holdToProviders()
	if ctx.Err() != nil {
		return
	}
	a.refuse(err, failed)
}

func (a *app) refusal() refusal {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.refused
}

// refuse notes, and logs once, why the site file was not taken; nil: it was.
func (a *app) refuse(err error, failed string) {
	r := refusal{failed: failed}
	if err != nil {
		r.why = err.Error()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.why != "" && r.why != a.refused.why {
		a.Log.Error("site file not taken, the one before stays in force", "error", r.why)
	}
	a.refused = r
}

// needsRestart names what cannot change in a running program; nil when nothing of it did.
func needsRestart(old, site *configs.Site) error {
	var keys []string
	for _, c := range []struct {
		key     string
		old, is any
	}{
		{"listen.http", old.Listen.HTTP, site.Listen.HTTP},
		{"listen.tunnel", old.Listen.Tunnel, site.Listen.Tunnel},
		{"listen.webrtc", old.Listen.WebRTC, site.Listen.WebRTC},
		{"storage.volumes", pathsOf(old), pathsOf(site)},
		{"storage.state", old.Storage.State, site.Storage.State},
		{"storage.durability", old.Storage.Durability, site.Storage.Durability},
		{"camera_network.addresses", old.CameraNetwork.Addresses, site.CameraNetwork.Addresses},
		{"camera_network.dhcp", old.CameraNetwork.DHCP, site.CameraNetwork.DHCP},
		{"camera_network.dns", old.CameraNetwork.DNS, site.CameraNetwork.DNS},
		{"camera_network.ntp", old.CameraNetwork.NTP, site.CameraNetwork.NTP},
	} {
		if !reflect.DeepEqual(c.old, c.is) {
			keys = append(keys, c.key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return fmt.Errorf("%s: such a change needs a restart of nvr, and until then nothing else of the file is taken either", strings.Join(keys, ", "))
}

// pathsOf gives a site's volumes. Their reserves change while nvr runs.
func pathsOf(s *configs.Site) (paths []string) {
	for _, v := range s.Storage.Volumes {
		paths = append(paths, v.Path)
	}
	return paths
}

// acceptable finds whatever can be known to be wrong with a site before
// anything is stopped or changed for it: the same that a start would refuse. What
// only people need refuses no change of what cameras need.
func (a *app) acceptable(old, site *configs.Site) error {
	if err := needsRestart(old, site); err != nil {
		return err
	}
	if needed, _ := configs.CheckEnvironment(site).Split(); len(needed) > 0 {
		return inFile(a.Config, needed)
	}
	if _, err := streamsOf(site); err != nil {
		return err
	}
	return a.fw.Rehearse(policyOf(site))
}

// apply goes from one site to another. Streams that leave stop first, then the
// firewall changes, then new ones start: no device is dialled before it is
// pinned, none is unpinned while it is dialled. On an error the old site is in
// force again, as far as the kernel lets us. The caller holds change.
func (a *app) apply(ctx context.Context, old, site *configs.Site) error {
	want, err := streamsOf(site)
	if err != nil {
		return err
	}
	stopped := a.stopOthers(want)
	if err := a.fw.Set(ctx, policyOf(site)); err != nil && !errors.Is(err, firewall.ErrDisarmed) {
		return errors.Join(fmt.Errorf("enforce the new policy: %w", err), a.restore(ctx, old, stopped))
	}
	a.mu.Lock()
	a.site = site
	a.mu.Unlock()
	a.owners.Store(ownersOf(site))
	a.leases.Store(leasesOf(site))
	a.places.Set(placesOf(site))
	a.book.SetSite(bookSiteOf(site))
	a.outputs.Set(outputsOf(site))
	a.changeFaces(old, site)
	a.keep(a.keepPledge(ctx, site))
	a.start(ctx, want)
	a.unschedule(want)
	return nil
}

// restore sets the old policy again: where the new one failed is not known, and
// half of it may be in the kernel. The streams start again in any case: the old
// policy pins their devices, and what of it does not hold is repaired.
func (a *app) restore(ctx context.Context, old *configs.Site, stopped map[streamKey]streamSpec) error {
	err := a.fw.Set(ctx, policyOf(old))
	a.start(ctx, stopped)
	if err != nil && !errors.Is(err, firewall.ErrDisarmed) {
		return fmt.Errorf("set the old policy again: %w", err)
	}
	return nil
}

// renew restarts the streams whose password file says something else than when
// they were started. The caller holds change.
func (a *app) renew(ctx context.Context, site *configs.Site) error {
	want, err := streamsOf(site)
	if err != nil {
		return err
	}
	for key := range a.stopOthers(want) {
		a.Log.Info("stream starts again with what its files say now", "camera", key.camera, "stream", key.stream)
	}
	a.start(ctx, want)
	return nil
}

// stopOthers stops the streams that are not as wanted, and says what they were.
func (a *app) stopOthers(want map[streamKey]streamSpec) map[streamKey]streamSpec {
	a.mu.RLock()
	have := maps.Clone(a.running)
	a.mu.RUnlock()
	stopped := map[streamKey]streamSpec{}
	for key, r := range have {
		if spec, ok := want[key]; !ok || spec != r.spec {
			a.stop(key)
			stopped[key] = r.spec
		}
	}
	return stopped
}

// unschedule ends the waiting for streams that the site no longer has: their
// time from now on is not missing (S6).
func (a *app) unschedule(want map[streamKey]streamSpec) {
	known, err := a.store.Streams()
	if err != nil {
		a.Log.Error("list streams", "error", err)
		return
	}
	for _, s := range known {
		if _, ok := want[streamKey{s.Camera, s.Stream}]; ok {
			continue
		}
		if err := a.store.SetGap(s.Camera, s.Stream, time.Now().UTC(), storage.ReasonNotScheduled, "not in the site file"); err != nil {
			a.Log.Error("note a gap", "camera", s.Camera, "stream", s.Stream, "error", err)
		}
	}
}
