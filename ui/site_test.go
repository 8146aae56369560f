package ui_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/filter"
	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/live"
)

// fakeSite is a whole site behind ui.Options.
type fakeSite struct {
	streams map[string]*fakeStream // by camera/stream
	film    []byte
	films   []formatChange // after film, in order of time
	old     time.Time      // half an hour of footage from long ago; zero for none
	clips   atomic.Int64   // open
	held    fakeHolds
	with    func(*ui.Options) // what a test adds
	tunnel  net.Listener      // of devices' own pages; nil for none
	reach   func(*ui.Options) // how they are reached
	enrol   *fakeEnrolment
	asked   fakeInspections

	mu          sync.Mutex // guards what follows
	cameras     []ui.CameraView
	containment ui.ContainmentView
	proof       ui.ProofView
	silent      bool // the containment is not checked any more
	attempts    []ui.AttemptView
	reviews     []ui.ReviewView
	subscribers map[chan []ui.AttemptView]struct{}
	pages       int         // of attempts that were asked for
	refuse      *ui.Problem // of the pages after the first
	health      ui.HealthView
	zone        string
}

// hostile is what a camera may ask the DNS for, and then stands on the page.
const hostile = `<img src=x onerror="document.title='owned'">.evil.example`

func newFakeSite() *fakeSite {
	now := time.Now().UTC()
	s := &fakeSite{
		streams: map[string]*fakeStream{}, subscribers: map[chan []ui.AttemptView]struct{}{},
		health: ui.HealthView{State: ui.HealthOK}, zone: "Asia/Seoul", enrol: newFakeEnrolment(),
	}
	s.containment = ui.ContainmentView{
		State: "enforced", Since: now.Add(-90 * time.Minute), Revision: "4fd1c0", Generation: 12, Backend: "nf_tables",
		Layers: []ui.LayerView{
			{Layer: "L0", Name: "Ports down until armed", Holds: true, Detail: "2 ports up, armed before"},
			{Layer: "L1", Name: "Isolated bridge ports", Holds: true, Detail: "enp2s0, enp3s0"},
			{Layer: "L2", Name: "Routing blackhole", Holds: true, Detail: "pref 1, both families"},
			{Layer: "L3", Name: "Raw PREROUTING", Holds: true, Detail: "digest matches"},
			{Layer: "L4", Name: "Filter INPUT, FORWARD", Holds: true, Detail: "digest matches"},
			{Layer: "L5", Name: "Filter OUTPUT", Holds: true, Detail: "digest matches"},
		},
		Counted: ui.CountedView{Dropped: 18452, Read: 18400, Lost: 0, Suppressed: 52},
	}
	return s
}

// add puts a camera on the wall.
func (s *fakeSite) add(id, name string, list ...ui.StreamView) {
	s.cameras = append(s.cameras, ui.CameraView{ID: id, Name: name, Device: "dev-" + id, Groups: []string{}, Streams: list})
}

// stream makes a stream of a clip, and its view.
func (s *fakeSite) stream(camera, name string, c *clip, record ui.RecordState) ui.StreamView {
	s.streams[camera+"/"+name] = newFakeStream(c)
	last := time.Now().UTC().Add(-time.Second)
	v := ui.StreamView{
		Stream: name, State: ui.StreamLive, Codec: c.track.Codec.String(), Codecs: c.track.CodecString(), Transport: "TCP",
		Width: 640, Height: 360, Bitrate: 812_000, FPS: clipFPS, Viewers: 1, Recording: record,
	}
	if record != ui.RecordOff {
		v.LastFootage = &last
	}
	return v
}

func (s *fakeSite) setContainment(change func(*ui.ContainmentView)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.containment.Layers = slices.Clone(s.containment.Layers) // views given out do not change
	change(&s.containment)
}

// fakeProofs are the canary's rounds: what the test says of the last one.
type fakeProofs struct{ s *fakeSite }

func (f fakeProofs) Proof() ui.ProofView {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	return f.s.proof
}

func (f fakeProofs) Prove(context.Context) ui.ProofView { return f.Proof() }

// options wires the fake.
func (s *fakeSite) options() ui.Options {
	started := time.Now().UTC().Add(-3 * time.Hour)
	opt := ui.Options{
		Site: func() ui.SiteView {
			s.mu.Lock()
			defer s.mu.Unlock()
			return ui.SiteView{Name: "Camp North", Zone: s.zone, Language: "en", Version: "0.1.0", Revision: "4fd1c0", Started: started, Demo: true}
		},
		Health: func() ui.HealthView {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.health
		},
		Devices: func() []ui.DeviceView { return s.asked.inShort(s.enrol.list()) },
		Cameras: func() []ui.CameraView {
			s.mu.Lock()
			defer s.mu.Unlock()
			return slices.Clone(s.cameras)
		},
		Groups: func(camera string) ([]string, bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, c := range s.cameras {
				if c.ID == camera {
					return c.Groups, true
				}
			}
			return nil, false
		},
		Containment: func() ui.ContainmentView {
			s.mu.Lock()
			defer s.mu.Unlock()
			c := s.containment
			if !s.silent {
				c.Checked = time.Now().UTC().Truncate(time.Second)
			}
			return c
		},
		Proofs: fakeProofs{s},
		Live: func(camera, stream string) (live.Reader, error) {
			st, ok := s.streams[camera+"/"+stream]
			if !ok {
				return nil, ui.ErrNotFound
			}
			return st.subscribe(), nil
		},
		Footage:     fakeFootage{s},
		Holds:       &s.held,
		Attempts:    fakeAttempts{s},
		Reviews:     fakeReviews{s},
		Enrolment:   s.enrol,
		Inspections: &s.asked,
		Report:      reported,
	}
	if s.with != nil {
		s.with(&opt)
	}
	if s.reach != nil {
		s.reach(&opt)
	}
	return opt
}

// serve runs the site's server and gives its address.
func (s *fakeSite) serve(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	server := ui.New(s.options())
	s.serveTunnel(ctx, t, server)
	go func() { done <- server.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error("serve:", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the server did not end")
		}
	})
	return "http://" + ln.Addr().String()
}

// serveTunnel serves devices' own pages, where the site has a listener for them.
func (s *fakeSite) serveTunnel(ctx context.Context, t *testing.T, server *ui.Server) {
	if s.tunnel == nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	ln := s.tunnel
	go func() { done <- server.ServeTunnel(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error("serve tunnels:", err)
		}
	})
}

// formatChange is a film in another format, from an instant on.
type formatChange struct {
	from time.Time
	film []byte
}

// recordingPath is where each segment of fakeFootage lies.
const recordingPath = "/var/lib/nvr/video/gate/main/01234567.mp4"

// fakeFootage has footage of the last 40 minutes with one gap, and of old.
type fakeFootage struct{ s *fakeSite }

func (f fakeFootage) Recordings(_ context.Context, camera, _ string, from, to time.Time) ([]ui.RecordingView, error) {
	now := time.Now().UTC()
	var all []ui.RecordingView
	if old := f.s.old; !old.IsZero() && old.Before(to) && old.Add(30*time.Minute).After(from) {
		all = append(all, ui.RecordingView{Run: "00000001", Start: old, End: old.Add(30 * time.Minute), Bytes: 188_743_680, State: "sealed"})
	}
	for m := 40; m > 0; m -= 5 {
		start := now.Truncate(5 * time.Minute).Add(-time.Duration(m-5) * time.Minute)
		r := ui.RecordingView{Run: "01234567", Start: start, End: start.Add(5 * time.Minute), Bytes: 31_457_280, State: "sealed", Path: recordingPath}
		if r.End.After(now) {
			r.End, r.State = now.Add(-500*time.Millisecond), "open"
		}
		if m == 20 && len(camera)%2 == 0 {
			r.End = r.End.Add(-2 * time.Minute)
		}
		if r.Start.Before(to) && r.End.After(from) && r.Start.Before(r.End) {
			all = append(all, r)
		}
	}
	return all, nil
}

func (f fakeFootage) Gaps(_ context.Context, camera, _ string, from, to time.Time) ([]ui.GapView, error) {
	end := time.Now().UTC().Truncate(5 * time.Minute).Add(-10 * time.Minute)
	g := ui.GapView{From: end.Add(-2 * time.Minute), To: &end, Reason: "camera-offline", Detail: "connect 10.20.1.12:554: no route to host"}
	if len(camera)%2 != 0 || !g.From.Before(to) || !g.To.After(from) {
		return nil, nil
	}
	return []ui.GapView{g}, nil
}

func (f fakeFootage) Play(_ context.Context, _, _ string, from, _ time.Time) (*ui.Clip, error) {
	if old := f.s.old; from.Before(time.Now().Add(-24*time.Hour)) && (old.IsZero() || from.Before(old) || from.After(old.Add(30*time.Minute))) {
		return nil, ui.ErrNotFound
	}
	f.s.clips.Add(1)
	film, long, next := f.s.film, 20*time.Second, time.Time{}
	for _, c := range f.s.films {
		if from.Before(c.from) {
			next, long = c.from.UTC(), min(long, c.from.Sub(from))
			break
		}
		film = c.film
	}
	return &ui.Clip{
		Content: memory{bytes.NewReader(film), func() { f.s.clips.Add(-1) }}, ETag: "film", Start: from.UTC(),
		Pieces: []ui.ClipPiece{{Start: from.UTC(), Duration: long}}, Next: next,
	}, nil
}

func (f fakeFootage) Frame(ctx context.Context, camera, stream string, at time.Time) (*ui.Clip, error) {
	return f.Play(ctx, camera, stream, at, at)
}

// sortable writes times so that they sort as text.
const sortable = "2006-01-02T15:04:05.000000000Z"

// fakeAttempts is a journal in memory.
type fakeAttempts struct{ s *fakeSite }

func (a fakeAttempts) Page(_ context.Context, f ui.AttemptFilter) (ui.AttemptPage, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	page := ui.AttemptPage{}
	a.s.pages++
	if f.Cursor != "" && a.s.refuse != nil {
		return ui.AttemptPage{}, a.s.refuse
	}
	if _, err := filter.Parse(f.Where, time.Now()); err != nil {
		wrong := (*filter.Error)(nil)
		errors.As(err, &wrong)
		return ui.AttemptPage{}, &ui.Problem{Status: 400, Message: wrong.Error(), Fix: wrong.Fix}
	}
	sorted := slices.Clone(a.s.attempts)
	slices.SortFunc(sorted, func(x, y ui.AttemptView) int { return cmp.Or(y.Last.Compare(x.Last), cmp.Compare(y.ID, x.ID)) })
	for _, v := range sorted {
		place := v.Last.Format(sortable) + "~" + v.ID
		if f.Cursor != "" && place >= f.Cursor {
			continue
		}
		chatter := v.Reason == "chatter"
		if f.Reason != "" && v.Reason != f.Reason || f.Reason == "" && chatter && !f.Chatter ||
			v.Last.Before(f.Since) || !chosen(v, f.Where) {
			continue
		}
		if len(page.Attempts) == f.Limit {
			last := page.Attempts[f.Limit-1]
			page.Next = last.Last.Format(sortable) + "~" + last.ID
			break
		}
		v.Evidence = nil
		page.Attempts = append(page.Attempts, v)
	}
	return page, nil
}

// chosen tells whether the filter language chooses an attempt; it is one that a page sends.
func chosen(v ui.AttemptView, where string) bool {
	f, err := filter.Parse(where, time.Now())
	return err == nil && f.Match(func(field filter.Field) []string {
		values := map[filter.Field][]string{
			filter.Camera: {v.Camera}, filter.Device: {v.Device}, filter.Host: {v.Host}, filter.Address: {v.Address},
			filter.Port: {strconv.Itoa(v.Port)}, filter.Protocol: {v.Protocol}, filter.Source: {v.Source}, filter.MAC: {v.MAC},
			filter.Reason: {v.Reason}, filter.Layer: {v.Layer}, filter.Rule: {v.Rule}, filter.Is: v.Tags, filter.Country: {v.Country}, filter.Network: {v.Network},
		}
		for _, n := range v.Said {
			values[filter.Said] = append(values[filter.Said], n.Name)
		}
		if field == filter.Text {
			return slices.Concat(slices.Collect(maps.Values(values))...)
		}
		return values[field]
	})
}

func (a fakeAttempts) Group(ctx context.Context, f ui.AttemptFilter, by string) (ui.AttemptGroups, error) {
	f.Limit = 500
	page, err := a.Page(ctx, f)
	groups := map[string]*ui.AttemptGroup{}
	var out ui.AttemptGroups
	for _, v := range page.Attempts {
		value := map[string]string{"camera": v.Device, "reason": v.Reason, "destination": cmp.Or(v.Host, v.Address)}[by]
		if groups[value] == nil {
			groups[value] = &ui.AttemptGroup{Value: value, First: v.First, Last: v.Last}
		}
		groups[value].Attempts++
		groups[value].Count += v.Count
	}
	for _, g := range groups {
		out.Groups = append(out.Groups, *g)
	}
	slices.SortFunc(out.Groups, func(a, b ui.AttemptGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return out, err
}

// fakeReviews are sign-offs in memory.
type fakeReviews struct{ s *fakeSite }

func (a fakeReviews) Reviewed(_ context.Context, user string) (v ui.ReviewedView, err error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	for _, r := range a.s.reviews {
		if v.Reviews = append(v.Reviews, r); r.User == user {
			v.UpTo = &r.UpTo
		}
	}
	for _, one := range a.s.attempts {
		if one.Reason != "chatter" && (v.UpTo == nil || one.First.After(*v.UpTo)) {
			v.Unreviewed++
		}
	}
	return v, nil
}

func (a fakeReviews) UpTo(ctx context.Context, user string) (time.Time, error) {
	v, err := a.Reviewed(ctx, user)
	if v.UpTo == nil {
		return time.Time{}, err
	}
	return *v.UpTo, err
}

func (a fakeReviews) Review(_ context.Context, user, name string, upTo time.Time) error {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	a.s.reviews = slices.DeleteFunc(a.s.reviews, func(r ui.ReviewView) bool { return r.User == user })
	a.s.reviews = append(a.s.reviews, ui.ReviewView{User: user, Name: name, UpTo: upTo, At: time.Now()})
	return nil
}

func (a fakeAttempts) Get(_ context.Context, id string) (ui.AttemptView, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	for _, v := range a.s.attempts {
		if v.ID == id {
			return v, nil
		}
	}
	return ui.AttemptView{}, ui.ErrNotFound
}

func (a fakeAttempts) Subscribe(ctx context.Context) (<-chan []ui.AttemptView, error) {
	c := make(chan []ui.AttemptView, 16)
	a.s.mu.Lock()
	a.s.subscribers[c] = struct{}{}
	a.s.mu.Unlock()
	context.AfterFunc(ctx, func() {
		a.s.mu.Lock()
		defer a.s.mu.Unlock()
		delete(a.s.subscribers, c)
		close(c)
	})
	return c, nil
}

// followers counts the event streams that are open.
func (s *fakeSite) followers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.subscribers)
}

// block adds an attempt, or one more hit of it, and tells those who follow.
func (s *fakeSite) block(v ui.AttemptView) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.Last = time.Now().UTC()
	i := slices.IndexFunc(s.attempts, func(x ui.AttemptView) bool { return x.ID == v.ID })
	if i >= 0 {
		v.First, v.Count = s.attempts[i].First, s.attempts[i].Count+1
		s.attempts[i] = v
	} else {
		if v.First.IsZero() {
			v.First = v.Last
		}
		v.Count = max(v.Count, 1)
		s.attempts = append(s.attempts, v)
	}
	s.containment.Counted.Dropped++
	s.containment.Counted.Read++
	for c := range s.subscribers {
		select {
		case c <- []ui.AttemptView{v}:
		default:
		}
	}
}

// phone is what a camera that phones home tries.
func phone(n int, camera, host, address, protocol string, port int, reason, layer, rule string) ui.AttemptView {
	service := map[int]string{443: "HTTPS", 8883: "MQTT over TLS", 53: "DNS", 123: "NTP", 32100: "P2P relay", 554: "RTSP", 1900: "SSDP"}[port]
	icmp := -1
	if protocol == "ICMP" {
		icmp = 8
	}
	family := 4
	if strings.Contains(address, ":") {
		family = 6
	}
	return ui.AttemptView{
		ID: fmt.Sprintf("a%04d", n), Device: "dev-gate", Camera: camera, MAC: "02:00:00:00:00:11", Source: "10.20.1.11", Family: family,
		Protocol: protocol, Address: address, Port: port, ICMPType: icmp, Host: host, Service: service, Reason: reason,
		Layer: layer, Rule: rule, Revision: "g12-4fd1c0", Ingress: "enp2s0", Bytes: 2400,
		Evidence: []byte("E\x00\x00<\x1c\x46@\x00@\x06\xb1\xe6\n\x14\x01\x0b\xc6\x12\x00\x05\xd4\x31\x01\xbb\x00\x00\x00\x00\x00\x00\x00\x00\xa0\x02\xfa\xf0"),
	}
}

// down is a stream's end.
func down(cause streams.Cause, detail string) *streams.Down {
	return &streams.Down{Since: time.Now(), Cause: cause, Detail: detail}
}

// restartable runs the server at an address until stop is called.
func (s *fakeSite) restartable(t *testing.T, address string) (stop func(), at string) {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := ui.New(s.options()).Serve(ctx, ln); err != nil {
			t.Error("serve:", err)
		}
	}()
	return func() { cancel(); <-done }, ln.Addr().String()
}
