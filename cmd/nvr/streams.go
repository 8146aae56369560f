package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/recorder"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams"
)

// reloadEvery is how often the site file is looked at.
const reloadEvery = 2 * time.Second

// running is a stream at work with its recorder.
type running struct {
	spec     streamSpec
	stream   *streams.Stream
	recorder *recorder.Recorder
	stop     context.CancelFunc
	done     chan struct{}
}

// superviseStreams starts all streams once containment is enforced and keeps
// them as the site file says. The file is looked at from the start: what keeps
// containment from being enforced may be a mistake in it.
func (a *app) superviseStreams(ctx context.Context, enforced <-chan struct{}) error {
	defer a.stopAll()
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
			a.reload(ctx)
		case <-look:
			a.reload(ctx)
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

// reload takes the site file if it has changed and is valid; else the site
// stays as it is, and the page and the log say why.
func (a *app) reload(ctx context.Context) {
	old := a.current()
	site, err := configs.Load(a.Config)
	if err == nil && site.Revision == old.Revision {
		a.refuse("")
		return
	}
	if err == nil {
		err = a.apply(ctx, old, site)
	}
	if err != nil {
		a.refuse(err.Error())
		return
	}
	a.Log.Info("site file taken", "revision", site.Revision)
	a.refuse("")
}

// refuse notes, and logs once, why the site file was not taken.
func (a *app) refuse(why string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if why != "" && why != a.refused {
		a.Log.Error("site file not taken, the one before stays in force", "error", why)
	}
	a.refused = why
}

// errRestart names what cannot change in a running program.
var errRestart = errors.New("listen, storage volumes and camera_network addresses change with a restart of nvr only")

// apply goes from one site to another. Streams that leave stop first, then the
// firewall changes, then new ones start: no device is dialled before it is
// pinned, none is unpinned while it is dialled.
func (a *app) apply(ctx context.Context, old, site *configs.Site) error {
	if !reflect.DeepEqual(old.Listen, site.Listen) || !reflect.DeepEqual(old.Storage.Volumes, site.Storage.Volumes) ||
		old.Storage.State != site.Storage.State || old.Storage.Durability != site.Storage.Durability ||
		!reflect.DeepEqual(old.CameraNetwork.Addresses, site.CameraNetwork.Addresses) ||
		old.CameraNetwork.DNS != site.CameraNetwork.DNS || old.CameraNetwork.NTP != site.CameraNetwork.NTP {
		return errRestart
	}
	want, err := streamsOf(site)
	if err != nil {
		return err
	}
	a.change.Lock()
	defer a.change.Unlock()
	a.mu.RLock()
	have := maps.Clone(a.running)
	a.mu.RUnlock()
	for key, r := range have {
		if spec, ok := want[key]; !ok || spec != r.spec {
			a.stop(key)
		}
	}
	if err := a.fw.Set(ctx, policyOf(site)); err != nil && !errors.Is(err, firewall.ErrDisarmed) {
		back, restore := streamsOf(old)
		if restore == nil {
			a.start(ctx, back)
		}
		return fmt.Errorf("enforce the new policy: %w", errors.Join(err, restore))
	}
	a.mu.Lock()
	a.site = site
	a.mu.Unlock()
	a.owners.Store(ownersOf(site))
	a.store.SetRetention(retentionOf(site))
	a.start(ctx, want)
	a.unschedule(want)
	return nil
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

// start starts the streams that are not running yet, once cameras may be dialled.
func (a *app) start(ctx context.Context, want map[streamKey]streamSpec) {
	if !a.dialling {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, spec := range want {
		if a.running[key] == nil {
			a.running[key] = a.launch(ctx, key, spec)
		}
	}
}

// launch makes a stream and its recorder and runs them.
func (a *app) launch(ctx context.Context, key streamKey, spec streamSpec) *running {
	ctx, stop := context.WithCancel(ctx)
	r := &running{spec: spec, stop: stop, done: make(chan struct{})}
	r.recorder = recorder.New(recorder.Options{
		Camera: key.camera, Stream: key.stream, Store: recorder.OnDisk(a.store),
		Record: spec.record, Segment: spec.segment, Software: "Stockade " + version(), Log: a.Log,
	})
	r.stream = streams.New(streams.Options{
		Camera: key.camera, Stream: key.stream, RTSP: spec.rtsp.config(),
		Sink: r.recorder, Starts: a.pacer, Log: a.Log,
	})
	go func() {
		defer close(r.done)
		if err := r.stream.Run(ctx); err != nil {
			a.Log.Error("stream ended", "camera", key.camera, "stream", key.stream, "error", err)
		}
		r.recorder.Close()
	}()
	return r
}

// stop ends one stream and waits until its footage is handed to the store.
func (a *app) stop(key streamKey) {
	a.mu.Lock()
	r := a.running[key]
	delete(a.running, key)
	a.mu.Unlock()
	if r != nil {
		r.stop()
		<-r.done
	}
}

func (a *app) stopAll() {
	a.mu.RLock()
	all := maps.Clone(a.running)
	a.mu.RUnlock()
	for _, r := range all {
		r.stop()
	}
	for key := range all {
		a.stop(key)
	}
}

// find gives the running stream of a camera.
func (a *app) find(camera, stream string) (*running, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	r, ok := a.running[streamKey{camera, stream}]
	return r, ok
}
