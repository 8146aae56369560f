package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/firewall/clouds"
	"github.com/stockade-nvr/stockade/firewall/filter"
	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/ui"
)

// How attempts go to a page: gathered, so that a flood is one message a moment.
const (
	gatherFor   = 250 * time.Millisecond
	gatherLeast = 5 * time.Millisecond // what is settled at once
	gatherUpTo  = 500
	queueOfPage = 4096
)

// attempts is what the page asks of the journal.
type attempts struct {
	app    *app
	clouds *clouds.Table
}

// Page lists attempts.
func (t attempts) Page(_ context.Context, f ui.AttemptFilter) (ui.AttemptPage, error) {
	q, err := t.filter(f)
	if err != nil {
		return ui.AttemptPage{}, err
	}
	page, err := t.app.journal.Query(q)
	if err != nil {
		return ui.AttemptPage{}, asked(err)
	}
	v := ui.AttemptPage{Attempts: make([]ui.AttemptView, 0, len(page.Attempts)), Next: page.Next, Searched: instant(page.Searched)}
	for i := range page.Attempts {
		v.Attempts = append(v.Attempts, t.view(&page.Attempts[i]))
	}
	return v, nil
}

// Group counts attempts by what they have in common.
func (t attempts) Group(_ context.Context, f ui.AttemptFilter, by string) (ui.AttemptGroups, error) {
	q, err := t.filter(f)
	if err != nil {
		return ui.AttemptGroups{}, err
	}
	groups, err := t.app.journal.Group(q, journal.By(by))
	if err != nil {
		return ui.AttemptGroups{}, asked(err)
	}
	v := ui.AttemptGroups{Groups: make([]ui.AttemptGroup, 0, len(groups.Groups)), Next: groups.Next, Searched: instant(groups.Searched)}
	for _, g := range groups.Groups {
		one := ui.AttemptGroup{Value: g.Value, Country: g.Country, Attempts: g.Attempts, Count: g.Count, First: g.First, Last: g.Last}
		if by == string(journal.ByCamera) && g.Value != journal.Others {
			one.Name = cameraName(t.app.current(), g.Value)
		}
		v.Groups = append(v.Groups, one)
	}
	return v, nil
}

// instant is a time, or none.
func instant(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// asked tells what is wrong with a question from what is wrong with the journal.
func asked(err error) error {
	if errors.Is(err, journal.ErrCursor) {
		return &ui.Problem{Status: http.StatusBadRequest, Message: err.Error(), Fix: "give the next of the page before, or none"}
	}
	return err
}

// filter puts what the page asks for as the journal has it.
func (t attempts) filter(f ui.AttemptFilter) (journal.Filter, error) {
	device, err := t.device(f)
	if err != nil {
		return journal.Filter{}, err
	}
	where, err := filter.Parse(f.Where, time.Now())
	if wrong := (*filter.Error)(nil); errors.As(err, &wrong) {
		return journal.Filter{}, &ui.Problem{Status: http.StatusBadRequest, Message: "filter, " + wrong.Error(), Fix: wrong.Fix}
	}
	q := journal.Filter{Device: device, Since: f.Since, Where: where.With(t.ofDevice), Limit: f.Limit, Cursor: f.Cursor}
	if cameras := where.Any(filter.Camera); q.Device == "" && len(cameras) == 1 {
		q.Device = t.deviceOf(cameras[0]) // found by index; other words only leave out some of its attempts
	}
	// What the journal keeps apart as chatter is shown with that reason, whichever rule dropped it.
	switch {
	case f.Reason == string(nflog.Chatter):
		q.Chatter = journal.OnlyChatter
	case f.Reason != "":
		q.Reason = nflog.Reason(f.Reason)
	case f.Chatter:
		q.Chatter = journal.WithChatter
	}
	return q, nil
}

// ofDevice has a camera's device stand for it, which the journal goes by. One that
// is gone stays as it is: the journal knows what was whose.
func (t attempts) ofDevice(term filter.Term) filter.Term {
	if term.Field == filter.Camera {
		term.Value = cmp.Or(t.deviceOf(term.Value), term.Value)
	}
	return term
}

// deviceOf is the device of a camera by its id or name, "" of one that nobody knows.
func (t attempts) deviceOf(camera string) string {
	for _, c := range t.app.current().Cameras {
		if strings.EqualFold(c.ID, camera) || strings.EqualFold(c.Name, camera) {
			return c.Device
		}
	}
	return ""
}

// device tells whose attempts are asked for; "" is everybody. The journal may
// remember a device that is no longer in the site file.
func (t attempts) device(f ui.AttemptFilter) (string, error) {
	site := t.app.current()
	if f.Camera != "" {
		for _, c := range site.Cameras {
			if c.ID == f.Camera {
				return c.Device, nil
			}
		}
		return "", &ui.Problem{Status: http.StatusNotFound, Message: "there is no such camera", Fix: "GET /api/v1/cameras lists the ids"}
	}
	if _, pinned := site.Device(f.Device); pinned || f.Device == "" || f.Device == journal.Nobody {
		return f.Device, nil
	}
	past, err := t.app.journal.Query(journal.Filter{Device: f.Device, Chatter: journal.WithChatter, Limit: 1})
	if err == nil && len(past.Attempts) == 0 {
		err = &ui.Problem{Status: http.StatusNotFound, Message: "there is no such device", Fix: "GET /api/v1/devices lists the ids; - stands for those of nobody's"}
	}
	return f.Device, err
}

// Get gives one attempt with its evidence.
func (t attempts) Get(_ context.Context, id string) (ui.AttemptView, error) {
	a, err := t.app.journal.Get(id)
	if errors.Is(err, journal.ErrUnknown) {
		return ui.AttemptView{}, ui.ErrNotFound
	}
	if err != nil {
		return ui.AttemptView{}, err
	}
	v := t.view(&a)
	slots, earlier, err := t.app.journal.Timeline(id)
	if err != nil && !errors.Is(err, journal.ErrUnknown) {
		return ui.AttemptView{}, err
	}
	v.Earlier = earlier
	for _, s := range slots {
		v.Times = append(v.Times, ui.TimeView{Start: s.Start, Width: int(s.Width.Seconds()), Count: s.Count})
	}
	if v.Evidence, err = t.app.journal.Evidence(id); err != nil && !errors.Is(err, journal.ErrUnknown) {
		return ui.AttemptView{}, err
	}
	return v, nil
}

// Subscribe gathers updates into batches. A page that falls so far behind that
// updates are lost is ended: it asks for the list again and misses nothing.
func (t attempts) Subscribe(ctx context.Context) (<-chan []ui.AttemptView, error) {
	ctx, cancel := context.WithCancel(ctx)
	updates := t.app.journal.Subscribe(ctx, queueOfPage)
	out := make(chan []ui.AttemptView)
	go func() {
		defer cancel()
		defer close(out)
		for next := time.Now(); ; next = time.Now().Add(gatherFor) {
			batch, more := t.gather(updates, next)
			if len(batch) > 0 {
				select {
				case out <- batch:
				case <-ctx.Done():
					return
				}
			}
			if !more {
				return
			}
		}
	}()
	return out, nil
}

// gather waits for an update and takes what follows until an instant, at least for
// a moment: who heard nothing for a while hears at once. The last state of an
// attempt stands for those before it.
func (t attempts) gather(updates <-chan journal.Update, until time.Time) (batch []ui.AttemptView, more bool) {
	first, ok := <-updates
	if !ok {
		return nil, false
	}
	at := map[string]int{}
	over := time.After(max(time.Until(until), gatherLeast))
	for u := first; ; {
		if u.Dropped > 0 {
			return batch, false
		}
		if i, seen := at[u.ID]; seen {
			batch[i] = t.view(&u.Attempt)
		} else {
			at[u.ID] = len(batch)
			batch = append(batch, t.view(&u.Attempt))
		}
		if len(batch) >= gatherUpTo {
			return batch, true
		}
		select {
		case u, ok = <-updates:
			if !ok {
				return batch, false
			}
		case <-over:
			return batch, true
		}
	}
}

// view is an attempt as the page shows it.
func (t attempts) view(a *journal.Attempt) ui.AttemptView {
	v := ui.AttemptView{
		ID: a.ID, Device: a.Device, Camera: cameraName(t.app.current(), a.Device), MAC: a.MAC.String(),
		Family: int(a.Family), Protocol: strings.ToUpper(a.ProtocolName), ICMPType: -1, Host: a.Host,
		Reason: string(a.Reason), Layer: a.Layer, Rule: a.Rule, Revision: a.Revision, Ingress: a.Port,
		Count: a.Count, First: a.First, Last: a.Last, Bytes: a.Bytes,
		Overflow: a.Overflow, Scan: a.Scan, Many: a.Many, Folded: a.Folded, Into: a.Into,
		Country: a.Country, Tags: a.Tags(time.Now()), Period: a.Period.Seconds(), Jitter: a.Jitter.Seconds(),
	}
	v.New = slices.Contains(v.Tags, "new")
	if a.Chatter {
		v.Reason = string(nflog.Chatter)
	}
	if a.Overflow || a.Many { // of many sources: it has none of its own
		v.MAC = ""
	}
	if a.Source.IsValid() {
		v.Source = a.Source.String()
	}
	if a.Overflow || a.Scan { // of many destinations
		return v
	}
	t.whom(a, &v)
	v.Address = a.DestinationMAC.String()
	if a.Destination.IsValid() {
		v.Address = a.Destination.String()
	}
	switch a.Protocol {
	case protocolICMP, protocolICMPv6:
		if a.Family != 0 {
			v.ICMPType = int(a.DestinationPort >> 8)
		}
	default:
		v.Port = int(a.DestinationPort)
		v.Service = serviceOf(a.Protocol, a.DestinationPort)
	}
	return v
}

// whom says for whom the packets of an attempt were, as far as is known.
func (t attempts) whom(a *journal.Attempt, v *ui.AttemptView) {
	v.Network, v.SaidMore = a.Network, a.SaidMore
	names := []string{a.Host}
	for _, n := range a.Said {
		names = append(names, n.Name)
		v.Said = append(v.Said, ui.SaidView{By: string(n.By), Name: n.Name, Detail: n.Detail})
	}
	protocol := a.Protocol
	if a.Family == 0 {
		protocol = 0
	}
	if l, ok := t.clouds.Of(names, a.Destination, protocol, a.DestinationPort); ok {
		v.Cloud = &ui.CloudView{Service: l.Service, Owner: l.Owner, By: string(l.By), Match: l.Match, Source: l.Source, Seen: l.Seen}
	}
}

// Numbers of IP protocols.
const (
	protocolICMP   = 1
	protocolTCP    = 6
	protocolUDP    = 17
	protocolICMPv6 = 58
)

// serviceOf says what a port is usually for, where cameras are concerned.
func serviceOf(protocol uint8, port uint16) string {
	type service struct {
		protocol uint8
		port     uint16
	}
	return map[service]string{
		{protocolTCP, 21}: "FTP", {protocolTCP, 22}: "SSH", {protocolTCP, 23}: "Telnet", {protocolTCP, 25}: "mail",
		{protocolUDP, 53}: "DNS", {protocolTCP, 53}: "DNS", {protocolTCP, 80}: "HTTP", {protocolUDP, 123}: "NTP",
		{protocolTCP, 443}: "HTTPS", {protocolUDP, 443}: "QUIC", {protocolTCP, 554}: "RTSP", {protocolTCP, 853}: "DNS over TLS",
		{protocolTCP, 1883}: "MQTT", {protocolTCP, 8883}: "MQTT over TLS", {protocolUDP, 1900}: "SSDP", {protocolUDP, 3478}: "STUN",
		{protocolUDP, 3702}: "WS-Discovery", {protocolUDP, 5353}: "mDNS", {protocolUDP, 32100}: "P2P cloud", {protocolUDP, 32108}: "P2P cloud",
	}[service{protocol, port}]
}
