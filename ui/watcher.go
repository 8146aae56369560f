package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// watcher remembers what an event stream was told, and tells what changed. What
// the principal may not know is as if it were not there.
type watcher struct {
	s       *Server
	who     func() auth.Principal // as it is now
	cameras map[string]*seenCamera
	order   string // ids in order: a changed list is sent whole
	plain   map[string][]byte
}

// seenCamera is a camera as last sent.
type seenCamera struct {
	state   []byte // without its figures
	whole   []byte
	figures time.Time // when sent
}

func newWatcher(s *Server, who func() auth.Principal) *watcher {
	return &watcher{s: s, who: who, cameras: map[string]*seenCamera{}, plain: map[string][]byte{}}
}

// look sends what changed since the last look.
func (x *watcher) look(out *eventWriter, now time.Time) error {
	if err := x.changed(out, "site", x.s.opt.Site()); err != nil {
		return err
	}
	if err := x.changed(out, "health", x.s.healthOf(x.who())); err != nil {
		return err
	}
	if err := x.lookCameras(out, now); err != nil {
		return err
	}
	return x.lookContainment(out)
}

// lookContainment sends the containment with the recorder's clock beside it, so
// that its age on the page does not depend on the browser's clock.
func (x *watcher) lookContainment(out *eventWriter) error {
	c := x.s.containmentOf(x.who())
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("marshal containment: %w", err)
	}
	if bytes.Equal(x.plain["containment"], body) {
		return nil
	}
	x.plain["containment"] = body
	return out.event("containment", struct {
		ContainmentView
		clockView
	}{c, x.s.clock()})
}

func (x *watcher) changed(out *eventWriter, name string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("marshal %s: %w", name, err)
	}
	if bytes.Equal(x.plain[name], body) {
		return nil
	}
	x.plain[name] = body
	return out.event(name, json.RawMessage(body))
}

// lookCameras sends all cameras when the list changed, else those that changed:
// at once when a state did, every few seconds when only figures did.
func (x *watcher) lookCameras(out *eventWriter, now time.Time) error {
	list := x.s.camerasOf(x.who())
	order := ""
	for i := range list {
		order += list[i].ID + "\n"
	}
	all := order != x.order || len(x.cameras) == 0
	x.order = order
	if all {
		x.cameras = make(map[string]*seenCamera, len(list))
	}
	send := []CameraView{}
	for i := range list {
		fresh, err := x.lookCamera(&list[i], now)
		if err != nil {
			return err
		}
		if fresh {
			send = append(send, list[i])
		}
	}
	if len(send) == 0 && !all {
		return nil
	}
	return out.event("cameras", struct {
		All     bool         `json:"all"`
		Cameras []CameraView `json:"cameras"`
	}{all, send})
}

func (x *watcher) lookCamera(c *CameraView, now time.Time) (bool, error) {
	whole, err := json.Marshal(c)
	if err != nil {
		return false, fmt.Errorf("marshal camera: %w", err)
	}
	calm := *c
	calm.Streams = append([]StreamView(nil), c.Streams...)
	for i := range calm.Streams {
		st := &calm.Streams[i]
		st.Bitrate, st.FPS, st.Lost, st.Viewers, st.LastFootage = 0, 0, 0, 0, nil
	}
	state, err := json.Marshal(calm)
	if err != nil {
		return false, fmt.Errorf("marshal camera: %w", err)
	}
	seen := x.cameras[c.ID]
	if seen != nil && bytes.Equal(seen.whole, whole) {
		return false, nil
	}
	if seen != nil && bytes.Equal(seen.state, state) && now.Sub(seen.figures).Abs() < figuresEvery {
		return false, nil
	}
	x.cameras[c.ID] = &seenCamera{state: state, whole: whole, figures: now}
	return true, nil
}
