package main

import (
	"context"
	"maps"

	"github.com/stockade-nvr/stockade/recorder"
	"github.com/stockade-nvr/stockade/streams"
)

// running is a stream at work with its recorder.
type running struct {
	spec     streamSpec
	stream   *streams.Stream
	recorder *recorder.Recorder
	stop     context.CancelFunc
	done     chan struct{}
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
		Sink: r.recorder, Starts: a.pacer, Accounts: a.logins, Log: a.Log,
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
