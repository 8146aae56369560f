package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/clouds"
	"github.com/stockade-nvr/stockade/firewall/sightings"
	"github.com/stockade-nvr/stockade/firewall/sinkhole"
	"github.com/stockade-nvr/stockade/recorder/playback"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/streams/media"
	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/live"
)

// uiOptions wires the page to what it shows.
func (a *app) uiOptions() ui.Options {
	o := ui.Options{
		Log: a.Log, Site: a.siteView, Health: a.healthView, Devices: a.deviceViews, Cameras: a.cameraViews, Groups: a.groups,
		Containment: func() ui.ContainmentView { return containmentView(a.fw.Status()) }, Proofs: proofs{a.fw},
		Live: a.live, Footage: footage{a.player, a.store}, Holds: held{a.store}, Attempts: attempts{a, clouds.New()}, Enrolment: a.enrol,
		Inspections: a.inspections,
	}
	if a.people == nil {
		return o
	}
	o.Reviews = reviews{a}
	o.Accounts, o.Audit, o.ConfirmClock = a.people.accounts, a.people.audit, a.store.ConfirmClock
	o.Report = a.report
	o.Tunnel = ui.Tunnel{Port: a.current().Listen.Tunnel.Port(), Reach: a.reach, Enforced: a.enforced}
	o.Names = func() []string { return a.current().Listen.Names }
	if a.cert != nil {
		o.TLS, o.Root = a.cert.TLSConfig(), a.cert.RootPEM
	}
	a.signOn.hosts, a.signOn.log = ui.Hosts(o), a.Log
	o.SSO = &a.signOn
	return o
}

// groups gives the groups of a camera.
func (a *app) groups(camera string) ([]string, bool) {
	for _, c := range a.current().Cameras {
		if c.ID == camera {
			return c.Groups, true
		}
	}
	return nil, false
}

// live subscribes a viewer.
func (a *app) live(camera, stream string) (live.Reader, error) {
	r, ok := a.find(camera, stream)
	if !ok {
		return nil, ui.ErrNotFound
	}
	return r.stream.Subscribe(streams.ReaderOptions{}), nil
}

func (a *app) siteView() ui.SiteView {
	s, p := a.current(), a.folk()
	return ui.SiteView{
		Name: s.Name, Zone: s.Zone.String(), Language: s.Language, Version: version(),
		Revision: s.Revision, Started: a.started, Demo: a.Demo,
		TwoPersons: p != nil && (s.Accounts.TwoPersons || p.pledge.twoPersons()),
	}
}

func (a *app) deviceViews() []ui.DeviceView {
	s := a.current()
	inspected := a.inspections.inShort()
	all := make([]ui.DeviceView, 0, len(s.Devices))
	for _, d := range s.Devices {
		v := ui.DeviceView{
			ID: d.ID, IP: d.IP.String(), MAC: d.MAC.String(), Cameras: []string{},
			Maker: d.Declared.Maker, Model: d.Declared.Model, Country: d.Declared.Country,
		}
		for _, c := range s.Cameras {
			if c.Device == d.ID {
				v.Cameras = append(v.Cameras, c.ID)
			}
		}
		a.sighted(&v, d)
		if is, ok := inspected[d.ID]; ok {
			v.Inspected = &is
		}
		all = append(all, v)
	}
	return all
}

func (a *app) cameraViews() []ui.CameraView {
	s := a.current()
	all := make([]ui.CameraView, 0, len(s.Cameras))
	for _, c := range s.Cameras {
		v := ui.CameraView{ID: c.ID, Name: c.Name, Device: c.Device, Groups: append([]string{}, c.Groups...), Streams: []ui.StreamView{}}
		for _, stream := range []struct {
			name string
			of   *configs.Stream
		}{{"main", c.Main}, {"sub", c.Sub}} {
			if stream.of == nil {
				continue
			}
			if r, ok := a.find(c.ID, stream.name); ok {
				v.Streams = append(v.Streams, streamView(stream.name, r))
			} else {
				v.Streams = append(v.Streams, a.idleView(stream.name, stream.of))
			}
		}
		all = append(all, v)
	}
	return all
}

// idleView is a stream of the site file that is not running: between a stop and
// a start, or before containment is enforced.
func (a *app) idleView(name string, s *configs.Stream) ui.StreamView {
	v := ui.StreamView{Stream: name, State: ui.StreamStarting, Cause: string(streams.CauseStarting), Recording: ui.RecordOff}
	if s.Record {
		v.Recording, v.Reason = ui.RecordWaiting, string(storage.ReasonRecorderDown)
	}
	if state := a.fw.Status().ReadBack; state == firewall.Degraded || state == firewall.NotEnforced {
		v.Detail = "not dialled until containment is enforced; it is " + string(state)
	}
	return v
}

// streamView joins what the stream and its recorder say.
func streamView(name string, r *running) ui.StreamView {
	s, rec := r.stream.Status(), r.recorder.Status()
	v := ui.StreamView{
		Stream: name, State: ui.StreamLive, Transport: strings.ToUpper(s.Transport),
		Bitrate: s.BitsPerSecond, Lost: s.Lost, Viewers: s.Viewers,
	}
	if !s.Playing {
		v.State, v.Cause, v.Detail = ui.StreamDown, string(s.Cause), s.Detail
		if s.Cause == streams.CauseStarting {
			v.State = ui.StreamStarting
		}
	}
	if !s.Since.IsZero() {
		v.Since = &s.Since
	}
	var strs []string
	for _, t := range s.Tracks {
		strs = append(strs, t.CodecString)
		switch {
		case t.Codec == media.AAC && v.Audio == "":
			v.Audio = t.Codec.String()
		case t.Codec.Video() && v.Codec == "":
			v.Codec, v.Width, v.Height = t.Codec.String(), t.Width, t.Height
		}
	}
	v.Codecs = strings.Join(strs, ",")
	recordView(&v, r.spec.record, rec.Recording, s.Playing, string(rec.Reason))
	if !rec.Until.IsZero() {
		v.LastFootage = &rec.Until
	}
	return v
}

// recordView tells a stream that delivers nothing from footage that is not kept.
func recordView(v *ui.StreamView, wanted, recording, playing bool, reason string) {
	switch {
	case !wanted:
		v.Recording = ui.RecordOff
	case recording:
		v.Recording = ui.RecordOn
	default:
		v.Recording, v.Reason = ui.RecordWaiting, reason
		lost := []storage.Reason{storage.ReasonDiskError, storage.ReasonDiskFull, storage.ReasonOverload}
		if playing && slices.Contains(lost, storage.Reason(reason)) {
			v.Recording = ui.RecordFailed
		}
	}
}

func containmentView(s firewall.Status) ui.ContainmentView {
	v := ui.ContainmentView{
		State: string(s.State), Reasons: s.Reasons, Notes: s.Notes, Since: s.Since, Checked: s.Checked,
		Revision: s.Revision, Generation: s.Generation, Backend: s.Backend, Layers: []ui.LayerView{}, Drift: []ui.DriftView{},
		Counted:  ui.CountedView{Dropped: s.Counted.Dropped, Read: s.Counted.Read, Lost: s.Counted.Lost, Suppressed: s.Counted.Suppressed, Unread: s.Counted.Unread, Canary: s.Counted.Canary},
		Unproved: s.Unproved,
	}
	if s.Proof != nil {
		v.Proof = proofInShort(*s.Proof)
	}
	if v.Reasons == nil {
		v.Reasons = []string{}
	}
	if v.Notes == nil {
		v.Notes = []string{}
	}
	v.Findings, v.Unseen = findingViews(s.Findings, time.Now()), sightings.Unseen()
	for _, l := range s.Layers {
		view := ui.LayerView{Layer: l.Layer, Name: l.Name, Holds: l.Holds, Detail: l.Detail, Repaired: l.Repaired}
		if !l.RepairedAt.IsZero() {
			view.RepairedAt = &l.RepairedAt
		}
		v.Layers = append(v.Layers, view)
	}
	for _, d := range s.Drift {
		v.Drift = append(v.Drift, ui.DriftView{
			ID: d.ID, First: d.First, Last: d.Last, Layer: d.Layer, Found: d.Found, Done: string(d.Done), Count: d.Count,
		})
	}
	return v
}

// healthView says what is wrong, worst state first.
func (a *app) healthView() ui.HealthView {
	checks := slices.Concat(a.containmentHealth(), a.canaryHealth(), a.networkHealth(), a.taskHealth(), a.storageHealth(), a.recordingHealth(), a.siteHealth(), a.releaseHealth(), a.certificateHealth(), a.placesHealth(), a.stateHealth(), a.outputHealth())
	v := ui.HealthView{State: ui.HealthOK, Checks: checks}
	for _, c := range checks {
		if c.State == ui.HealthBad || c.State == ui.HealthWarn && v.State == ui.HealthOK {
			v.State = c.State
		}
	}
	return v
}

func (a *app) containmentHealth() []ui.HealthCheck {
	s := a.fw.Status()
	c := ui.HealthCheck{Name: "containment", State: ui.HealthOK, Detail: strings.Join(s.Reasons, "; ")}
	switch s.ReadBack { // what was found about the network has a check of its own
	case firewall.Enforced:
		if len(s.Notes) > 0 {
			c.State, c.Detail, c.Fix = ui.HealthWarn, strings.Join(s.Notes, "; "), "do what each says: all layers hold, but others work against them"
		}
	case firewall.Degraded:
		c.State, c.Fix = ui.HealthWarn, "a layer was changed by another program; it is repaired by itself, find out by whom"
	default:
		c.State, c.Fix = ui.HealthBad, "packets of cameras may leave: run nvr firewall status on the box"
	}
	if s.State == firewall.Disarmed {
		c.Fix = "cameras are NOT contained: run nvr firewall arm on the box as soon as the work is done"
	}
	checks := []ui.HealthCheck{c}
	if len(s.Alarms) > 0 {
		fix := "find out who wrote disarmed.json into the state directory; nvr firewall arm takes it away and keeps it in notes"
		if s.Note != nil { // obeyed all the same
			fix = "put site.key in the state directory right; nvr firewall arm ends the disarming"
		}
		checks = append(checks, ui.HealthCheck{Name: "disarming note", State: ui.HealthBad, Detail: strings.Join(s.Alarms, "; "), Fix: fix})
	}
	if a.forgetful != nil {
		checks = append(checks, ui.HealthCheck{Name: "journal", State: ui.HealthWarn, Detail: "attempts are kept in memory only: " + a.forgetful.Error(), Fix: "put it right and restart nvr"})
	}
	if t := a.journal.Totals(); t.Broken {
		checks = append(checks, ui.HealthCheck{Name: "journal", State: ui.HealthBad, Detail: "attempts cannot be written; they wait in memory", Fix: "free space where the state directory lies"})
	}
	return checks
}

func (a *app) storageHealth() []ui.HealthCheck {
	status := a.store.Status()
	var checks []ui.HealthCheck
	for _, v := range status.Volumes {
		c := ui.HealthCheck{Name: "volume " + v.Path, State: ui.HealthOK}
		if v.State != storage.VolumeOK {
			c.State, c.Detail, c.Fix = ui.HealthBad, v.State.String()+": "+v.Error, "footage is not kept there: check the disk and its mount"
		}
		checks = append(checks, c)
	}
	if status.Rebuilding {
		checks = append(checks, ui.HealthCheck{Name: "index", State: ui.HealthWarn, Detail: "the index is being rebuilt: listings are not complete yet"})
	}
	if status.IndexLost != "" {
		checks = append(checks, ui.HealthCheck{Name: "index", State: ui.HealthWarn, Detail: "the index is kept for this run only: " + status.IndexLost, Fix: "see that the state directory can be written, and restart nvr: until then each start reads the volumes anew"})
	}
	if status.IndexError != "" {
		checks = append(checks, ui.HealthCheck{Name: "index", State: ui.HealthBad, Detail: status.IndexError, Fix: "free space where the state directory lies"})
	}
	return append(checks, retentionHealth(status)...)
}

// retentionHealth says what is kept although its time is over, and why. Nothing
// is lost by it, but the disk fills.
func retentionHealth(status storage.Status) []ui.HealthCheck {
	var checks []ui.HealthCheck
	add := func(detail, fix string) {
		if detail != "" {
			checks = append(checks, ui.HealthCheck{Name: "retention", State: ui.HealthWarn, Detail: detail, Fix: fix})
		}
	}
	kept := func(cameras []string) string {
		if len(cameras) == 0 {
			return ""
		}
		return "nothing is deleted of " + strings.Join(cameras, ", ")
	}
	add(status.Suspended, "look at the box's clock; if it is right: nvr storage confirm-clock")
	if status.HoldsError != "" {
		add("nothing is deleted: "+status.HoldsError, "end nvr, move index.db in the state directory away, start it: holds are read from the volumes again")
		status.NoDeletion = ""
	}
	add(status.NoDeletion, "it goes on by itself when all volumes were read: mount those that are missing, or take them out of the site file")
	add(kept(status.Unread), "something of theirs cannot be read: check the disk")
	add(kept(status.KeptWhole), "a ledger of theirs is damaged, or of a newer version, and may hold footage: see docs/storage.md")
	return checks
}

func (a *app) recordingHealth() []ui.HealthCheck {
	var bad []string
	for _, c := range a.cameraViews() {
		for _, s := range c.Streams {
			if s.Recording == ui.RecordFailed || s.Recording == ui.RecordWaiting {
				bad = append(bad, fmt.Sprintf("%s (%s: %s)", c.Name, s.Stream, s.Reason))
			}
		}
	}
	if len(bad) == 0 {
		return []ui.HealthCheck{{Name: "recording", State: ui.HealthOK}}
	}
	return []ui.HealthCheck{{
		Name: "recording", State: ui.HealthBad, Detail: "not recording: " + strings.Join(bad, ", "),
		Fix: "the tile of each camera says why",
	}}
}

func (a *app) siteHealth() []ui.HealthCheck {
	var checks []ui.HealthCheck
	if why := a.refusal().why; why != "" {
		checks = append(checks, ui.HealthCheck{Name: "site file", State: ui.HealthWarn, Detail: why, Fix: "the file before it stays in force: nvr config check " + a.Config + "; what failed is tried again when the file changes, or at kill -HUP"})
	}
	if a.current().CameraNetwork.NTP && !sinkhole.KernelClock().Synchronised {
		checks = append(checks, ui.HealthCheck{Name: "clock", State: ui.HealthWarn, Detail: "the box's clock is not synchronised, and cameras are told so", Fix: "give it a time server"})
	}
	return checks
}

// placesHealth names the files of countries and networks that cannot be used.
// Recording and blocking ask none of them.
func (a *app) placesHealth() (checks []ui.HealthCheck) {
	for _, s := range a.places.Status() {
		if s.Problem != "" {
			checks = append(checks, ui.HealthCheck{Name: "owners of addresses", State: ui.HealthWarn, Detail: s.Problem, Fix: s.Fix})
		}
	}
	return checks
}

func (a *app) certificateHealth() []ui.HealthCheck {
	if a.cert == nil {
		return nil
	}
	c := ui.HealthCheck{Name: "certificate", State: ui.HealthOK}
	if s := a.cert.Status(); s.Problem != "" {
		c.State, c.Detail, c.Fix = ui.HealthWarn, s.Problem, s.Fix
	}
	return []ui.HealthCheck{c}
}

// footage is what the page asks of the library of recordings.
type footage struct {
	player *playback.Player
	store  *storage.Store
}

// Recordings lists segments.
func (f footage) Recordings(_ context.Context, camera, stream string, from, to time.Time) ([]ui.RecordingView, error) {
	segments, err := f.store.Segments(camera, stream, from, to)
	if err != nil {
		return nil, err
	}
	states := map[storage.SegmentState]string{storage.Open: "open", storage.Sealed: "sealed", storage.Recovered: "recovered"}
	all := make([]ui.RecordingView, 0, len(segments))
	for _, s := range segments {
		all = append(all, ui.RecordingView{Run: s.Run, Start: s.Start, End: s.End, Bytes: s.Bytes, State: states[s.State], Path: s.Path})
	}
	return all, nil
}

// Gaps lists gaps.
func (f footage) Gaps(_ context.Context, camera, stream string, from, to time.Time) ([]ui.GapView, error) {
	gaps, err := f.store.Gaps(camera, stream, from, to)
	if err != nil {
		return nil, err
	}
	all := make([]ui.GapView, 0, len(gaps))
	for _, g := range gaps {
		v := ui.GapView{From: g.From, Reason: string(g.Reason), Detail: g.Detail}
		if !g.To.IsZero() {
			v.To = &g.To
		}
		all = append(all, v)
	}
	return all, nil
}

// Play opens a range as one movie.
func (f footage) Play(_ context.Context, camera, stream string, from, to time.Time) (*ui.Clip, error) {
	m, err := f.player.Open(camera, stream, from, to)
	if err != nil {
		return nil, toPage(err)
	}
	c := &ui.Clip{Content: m, ETag: m.ETag(), Start: m.Start(), Next: m.Next()}
	for _, p := range m.Pieces() {
		c.Pieces = append(c.Pieces, ui.ClipPiece(p))
	}
	return c, nil
}

// Frame opens one picture.
func (f footage) Frame(_ context.Context, camera, stream string, at time.Time) (*ui.Clip, error) {
	p, err := f.player.Frame(camera, stream, at)
	if err != nil {
		return nil, toPage(err)
	}
	return &ui.Clip{Content: p, ETag: p.ETag(), Start: p.At()}, nil
}

// toPage says in the page's words why nothing is played.
func toPage(err error) error {
	switch {
	case errors.Is(err, playback.ErrNotFound):
		return ui.ErrNotFound
	case errors.Is(err, playback.ErrRange):
		return &ui.Problem{Status: http.StatusBadRequest, Message: err.Error(), Fix: "ask for a shorter range"}
	}
	return err
}

// cameraName gives the name of a device's first camera.
func cameraName(s *configs.Site, device string) string {
	for _, c := range s.Cameras {
		if c.Device == device {
			return c.Name
		}
	}
	return ""
}
