package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/sightings"
	"github.com/stockade-nvr/stockade/inspect"
	"github.com/stockade-nvr/stockade/internal/pinned"
	"github.com/stockade-nvr/stockade/streams/onvif"
	"github.com/stockade-nvr/stockade/ui"
)

// How devices are asked by themselves: once after containment was enforced, then
// daily, some at a time, so that no round is felt.
const (
	inspectFirst = 20 * time.Second // streams come first
	inspectDemo  = 2 * time.Second
	inspectEvery = 24 * time.Hour
	inspectSoon  = 15 * time.Minute // where nobody answered: nothing was signed
	inspectLook  = time.Minute      // for devices that are new
	inspectMany  = 4                // at once
	inspectMost  = 24 * time.Second
)

// inspections asks devices what they say of themselves, and keeps the last answer
// of each in memory: it is asked again sooner than anything of it matters.
type inspections struct {
	app   *app
	hands chan struct{} // a place for each that is asked by hand at the moment

	mu     sync.Mutex
	last   map[string]inspected // by device
	asking map[string]bool      // those that are asked at the moment
}

// inspected is a report and what it is of: another pin is another device.
type inspected struct {
	report inspect.Report
	pin    string

	radios      []inspect.Finding // what containment depends on, as it was said last
	first, said time.Time         // when that was said first, and last
}

func newInspections(a *app) *inspections {
	return &inspections{app: a, hands: make(chan struct{}, inspectMany), last: map[string]inspected{}, asking: map[string]bool{}}
}

// pinOf is what makes a device the same: an account that is new is worth asking with, too.
func pinOf(d configs.Device) string {
	return strings.Join([]string{d.IP.String(), d.MAC.String(), d.Port, d.Username, d.PasswordFile}, " ")
}

// run asks all devices, time and again, until ctx ends.
func (n *inspections) run(ctx context.Context) error {
	wait := inspectFirst
	if n.app.Demo {
		wait = inspectDemo
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = inspectLook
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(inspectMany)
		for _, d := range n.due(time.Now()) {
			g.Go(func() error {
				if n.begin(d.ID) { // else somebody asks it by hand
					defer n.end(d.ID)
					n.ask(ctx, d)
				}
				return ctx.Err()
			})
		}
		if g.Wait() != nil {
			return nil //nolint:nilerr // asked to end
		}
	}
}

// due gives the devices whose last answer is old, or of another pin. Nobody is
// asked while containment is not enforced.
func (n *inspections) due(now time.Time) (due []configs.Device) {
	if !n.app.enforced() {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	devices := n.app.current().Devices
	for id := range n.last {
		if !slices.ContainsFunc(devices, func(d configs.Device) bool { return d.ID == id }) {
			delete(n.last, id)
		}
	}
	for _, d := range devices {
		if was, asked := n.last[d.ID]; !asked || was.pin != pinOf(d) || now.Sub(was.report.At) > was.lasts() {
			due = append(due, d)
		}
	}
	return due
}

// lasts is how long a report does.
func (i inspected) lasts() time.Duration {
	if i.report.Outcome == inspect.Silent || i.report.Outcome == inspect.Unreachable {
		return inspectSoon
	}
	return inspectEvery
}

// begin takes a device for one round of questions: two that sign at once could lock
// an account that each alone does not. False: it is asked already.
func (n *inspections) begin(device string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.asking[device] {
		return false
	}
	n.asking[device] = true
	return true
}

func (n *inspections) end(device string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.asking, device)
}

// ask asks one device and keeps what it says. A password that cannot be read is
// said by its streams; it is asked without then.
func (n *inspections) ask(ctx context.Context, d configs.Device) inspect.Report {
	o := onvif.Options{Peer: pinned.Peer{Address: d.IP, Device: bridge}, Most: inspectMost}
	if d.PasswordFile != "" {
		if password, err := passwordOf(d); err == nil {
			o.Username, o.Password = d.Username, password
		}
	}
	said, err := onvif.Ask(ctx, o)
	report := inspect.Of(n.subject(d), said, err, time.Now())
	if ctx.Err() == nil {
		n.keep(d, report)
	}
	return report
}

// keep keeps a report. What does not tell of interfaces takes no radio back that
// was told of: a device could have it forgotten by answering no more.
func (n *inspections) keep(d configs.Device, r inspect.Report) {
	n.mu.Lock()
	defer n.mu.Unlock()
	was := n.last[d.ID]
	is := inspected{report: r, pin: pinOf(d), radios: radios(r), first: r.At, said: r.At}
	if was.pin == is.pin && len(was.radios) > 0 {
		is.first = was.first
		if !r.TellsInterfaces() {
			is.radios, is.said = was.radios, was.said
		}
	}
	n.last[d.ID] = is
}

// subject is what is known of a device without asking it.
func (n *inspections) subject(d configs.Device) inspect.Subject {
	s := inspect.Subject{Device: d.ID, MAC: d.MAC, Maker: d.Declared.Maker, Model: d.Declared.Model}
	s.MACMaker, _ = n.app.enrol.makers().Maker(nflog.MAC(d.MAC))
	for _, p := range n.app.current().CameraNetwork.Addresses {
		s.Ours = append(s.Ours, p.Addr())
	}
	return s
}

// List gives the last reports.
func (n *inspections) List(device string) ([]ui.InspectionView, error) {
	site := n.app.current()
	if _, ok := site.Device(device); device != "" && !ok {
		return nil, ui.ErrNotFound
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	all := []ui.InspectionView{}
	for _, d := range site.Devices {
		if was, ok := n.last[d.ID]; ok && was.pin == pinOf(d) && (device == "" || device == d.ID) {
			all = append(all, inspectionView(was.report))
		}
	}
	return all, nil
}

// inShort gives the last report of each device in short.
func (n *inspections) inShort() map[string]ui.InspectedView {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make(map[string]ui.InspectedView, len(n.last))
	for _, d := range n.app.current().Devices {
		was, ok := n.last[d.ID]
		if !ok || was.pin != pinOf(d) {
			continue
		}
		v := ui.InspectedView{At: was.report.At.UTC(), Outcome: string(was.report.Outcome), Findings: len(was.report.Findings)}
		if v.Findings > 0 {
			v.Level = was.report.Findings[0].Level().String() // the worst comes first
		}
		all[d.ID] = v
	}
	return all
}

// Inspect asks a device now.
func (n *inspections) Inspect(ctx context.Context, device string) (ui.InspectionView, error) {
	d, ok := n.app.current().Device(device)
	switch {
	case !ok:
		return ui.InspectionView{}, ui.ErrNotFound
	case !n.app.enforced():
		return ui.InspectionView{}, &ui.Problem{Status: http.StatusConflict, Message: "containment is not enforced, so no device is asked", Fix: "see the containment panel, or nvr firewall status on the box"}
	}
	select {
	case n.hands <- struct{}{}:
		defer func() { <-n.hands }()
	default:
		return ui.InspectionView{}, &ui.Problem{Status: http.StatusConflict, Message: fmt.Sprintf("%d devices are being asked already", inspectMany), Fix: "try again in half a minute"}
	}
	if !n.begin(d.ID) {
		return ui.InspectionView{}, &ui.Problem{Status: http.StatusConflict, Message: "the device is being asked already", Fix: "look again in half a minute"}
	}
	defer n.end(d.ID)
	r := n.ask(ctx, d)
	if err := ctx.Err(); err != nil {
		return ui.InspectionView{}, fmt.Errorf("inspect %s: %w", device, err)
	}
	return inspectionView(r), nil
}

// radios are the findings that tell of a way out by air.
func radios(r inspect.Report) (all []inspect.Finding) {
	for _, f := range r.Findings {
		if f.Level() == inspect.NotEnforced {
			all = append(all, f)
		}
	}
	return all
}

// found gives what containment depends on, of what devices said last.
func (n *inspections) found() (all []sightings.Finding) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range n.app.current().Devices {
		was := n.last[d.ID]
		if was.pin != pinOf(d) {
			continue
		}
		for _, f := range was.radios {
			all = append(all, sightings.Finding{
				Kind: sightings.Radio, Device: d.ID, MAC: nflog.MAC(d.MAC), Port: f.About, Other: f.With,
				First: was.first, Last: was.said, Count: 1,
			})
		}
	}
	return all
}

// inspectionView is a report as the page and commands show it.
func inspectionView(r inspect.Report) ui.InspectionView {
	v := ui.InspectionView{
		Device: r.Device, At: r.At.UTC(), Outcome: string(r.Outcome), Detail: r.Detail, Fix: r.Fix, Address: r.Address, Signed: r.Signed,
		Facts: []ui.FactView{}, Findings: []ui.DeviceFindingView{}, Untold: []ui.UntoldView{},
	}
	for _, f := range r.Facts {
		fact := ui.FactView{Name: f.Name, Differs: f.Differs}
		for _, c := range f.Claims {
			fact.Claims = append(fact.Claims, ui.ClaimView{Source: string(c.Source), Value: c.Value})
		}
		v.Facts = append(v.Facts, fact)
	}
	for _, f := range r.Findings {
		v.Findings = append(v.Findings, ui.DeviceFindingView{
			Code: string(f.Code), Level: f.Level().String(), About: f.About, With: f.With, Text: f.Text(), Fix: f.Fix(),
		})
	}
	for _, u := range r.Untold {
		v.Untold = append(v.Untold, ui.UntoldView{Operation: u.Operation, Why: u.Why})
	}
	return v
}
