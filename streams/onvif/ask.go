package onvif

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/stockade-nvr/stockade/internal/pinned"
)

// servicePath is where the standard puts the device service.
const servicePath = "/onvif/device_service"

// maxRedirects is how often a device may say that it is at another of its ports.
const maxRedirects = 2

// Port is where ONVIF may be.
type Port struct {
	Number uint16
	TLS    bool
}

// usualPorts are tried in turn: nobody writes a device's port of ONVIF down.
func usualPorts() []Port {
	return []Port{{80, false}, {8080, false}, {8899, false}, {2020, false}, {8000, false}, {443, true}}
}

// Options say whom to ask, and how.
type Options struct {
	Peer               pinned.Peer
	Username, Password string        // both empty: nothing is signed
	Ports              []Port        // default: those that are usual
	Patience           time.Duration // for one answer; default 8 s
	Most               time.Duration // for everything; default a minute
	Now                func() time.Time
}

// Ask asks a device. Its error is an *Error: nothing there speaks ONVIF, or not to
// us. What a device that does leaves untold is in its Statement.
func Ask(ctx context.Context, o Options) (*Statement, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Patience == 0 {
		o.Patience = 8 * time.Second
	}
	if o.Most == 0 {
		o.Most = time.Minute
	}
	if len(o.Ports) == 0 {
		o.Ports = usualPorts()
	}
	ctx, cancel := context.WithTimeout(ctx, o.Most)
	defer cancel()
	c := newClient(o)
	defer c.transport.CloseIdleConnections()
	a := &asking{client: c, s: &Statement{}}
	if err := a.greet(ctx); err != nil {
		err.Foreign = a.s.Foreign
		return nil, err
	}
	a.services(ctx)
	a.device(ctx)
	a.media(ctx)
	a.s.Signed = c.way != unsigned || c.denied > 0
	return a.s, nil
}

// asking is one round of questions.
type asking struct {
	client       *client
	s            *Statement
	at           place // the device service
	media1, two  place
	has1, hasTwo bool
}

// greet finds the port that answers: the time needs no account, and tells the
// offset that signing needs.
func (a *asking) greet(ctx context.Context) *Error {
	device := a.client.o.Peer.Address
	var places []place
	for _, p := range a.client.o.Ports {
		places = append(places, place{p.Number, p.TLS, servicePath})
	}
	var guarded *place // wants an account of whoever asks it anything: it may be a web server
	best := &Error{Kind: KindClosed, Device: device, Err: errors.New("no port to ask at")}
	for i := 0; i < len(places); i++ {
		told, err := a.try(ctx, places[i])
		if told {
			return nil
		}
		if errors.Is(err, errRefused) && guarded == nil {
			guarded = &places[i]
		}
		var elsewhere redirected
		if errors.As(err, &elsewhere) {
			if elsewhere.own && elsewhere.at.port != 0 && len(places) < len(a.client.o.Ports)+maxRedirects {
				places = append(places, elsewhere.at) // nothing was signed yet, and it is the same device
			}
			if !elsewhere.own {
				a.foreign(elsewhere.host, "redirect")
			}
		}
		if e := (&Error{Kind: kindOf(err), Device: device, Err: err}); i == 0 || telling(e.Kind) > telling(best.Kind) {
			best = e
		}
		if best.Kind == KindUnreachable || ctx.Err() != nil {
			break // no other port is either
		}
	}
	if guarded != nil && ctx.Err() == nil {
		a.found(*guarded)
		a.untold("GetSystemDateAndTime", errRefused)
		return nil
	}
	return best
}

// telling orders what several ports say by how much it says of the device.
func telling(k Kind) int {
	return map[Kind]int{KindClosed: 1, KindSilent: 2, KindNotONVIF: 3, KindUnreachable: 4, KindForeign: 5, KindEnded: 6}[k]
}

// try asks one place for the time.
func (a *asking) try(ctx context.Context, at place) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, a.client.o.Patience/2) // there are several to try
	defer cancel()
	q := ask("GetSystemDateAndTime")
	answer, err := a.client.send(ctx, at, q, unsigned)
	if err != nil {
		return false, err
	}
	switch {
	case answer.body == nil && len(answer.challenges) > 0:
		return false, fmt.Errorf("ask %s: %w", q.name, errRefused)
	case answer.body == nil:
		return false, answer.noSOAP()
	}
	a.found(at)
	told, err := answer.answer(q)
	if err != nil {
		a.untold(q.name, err)
		return true, nil
	}
	if clock, ok := readClock(told); ok {
		clock.Offset = clock.Time.Sub(a.client.o.Now()).Round(time.Second)
		a.client.offset = clock.Offset
		a.s.Clock = &clock
	}
	return true, nil
}

// found notes where the device service is.
func (a *asking) found(at place) {
	a.at = at
	a.s.Address = netip.AddrPortFrom(a.client.o.Peer.Address.Unmap(), at.port)
}

// services asks where the services are.
func (a *asking) services(ctx context.Context) {
	read := readServices
	e, err := a.client.ask(ctx, a.at, question{nsDevice, "GetServices", "<IncludeCapability>true</IncludeCapability>"})
	if err != nil {
		read = readCapabilities
		var older error
		if e, older = a.client.ask(ctx, a.at, question{nsDevice, "GetCapabilities", "<Category>All</Category>"}); older != nil {
			a.untold("GetServices", err)
			a.untold("GetCapabilities", older)
			return
		}
	}
	all, wireless := read(e)
	a.s.WirelessCapable = wireless
	for _, n := range all {
		at, host, own, ok := locate(n.address, a.client.o.Peer.Address)
		if !own {
			a.foreign(host, "GetServices")
			at.port, at.tls = a.at.port, a.at.tls // never there: the same path here (C13)
		}
		switch {
		case !ok:
		case n.namespace == nsMedia:
			a.media1, a.has1 = at, true
		case n.namespace == nsMedia2:
			a.two, a.hasTwo = at, true
		}
	}
}

// device asks what the device service knows.
func (a *asking) device(ctx context.Context) {
	for _, one := range []struct {
		name string
		read func(*element)
	}{
		{"GetDeviceInformation", a.s.readIdentity},
		{"GetNetworkInterfaces", a.s.readInterfaces},
		{"GetNetworkDefaultGateway", a.s.readGateways},
		{"GetDNS", a.s.readDNS},
		{"GetNTP", a.s.readNTP},
		{"GetNetworkProtocols", a.s.readProtocols},
		{"GetHostname", a.s.readHostname},
	} {
		e, err := a.client.ask(ctx, a.at, ask(one.name))
		if err != nil {
			a.untold(one.name, err)
			continue
		}
		one.read(e)
	}
}

// maxStreams is how many profiles are asked for their stream.
const maxStreams = 8

// media asks for the profiles and where their streams are.
func (a *asking) media(ctx context.Context) {
	at, namespace, all := a.two, nsMedia2, "<Type>All</Type>"
	if !a.hasTwo {
		at, namespace, all = a.media1, nsMedia, ""
	}
	if !a.has1 && !a.hasTwo {
		return
	}
	e, err := a.client.ask(ctx, at, question{namespace, "GetProfiles", all})
	if err != nil && a.hasTwo && a.has1 && !isRefused(err) {
		at, namespace = a.media1, nsMedia
		e, err = a.client.ask(ctx, at, question{namespace, "GetProfiles", ""})
	}
	if err != nil {
		a.untold("GetProfiles", err)
		return
	}
	a.s.Profiles = readProfiles(e)
	for i := range a.s.Profiles[:min(len(a.s.Profiles), maxStreams)] {
		p := &a.s.Profiles[i]
		inner := "<Protocol>RTSP</Protocol>"
		if namespace == nsMedia {
			inner = `<StreamSetup><Stream xmlns="http://www.onvif.org/ver10/schema">RTP-Unicast</Stream>` +
				`<Transport xmlns="http://www.onvif.org/ver10/schema"><Protocol>RTSP</Protocol></Transport></StreamSetup>`
		}
		e, err := a.client.ask(ctx, at, question{namespace, "GetStreamUri", inner + "<ProfileToken>" + escape(p.Token) + "</ProfileToken>"})
		if err != nil {
			a.untold("GetStreamUri", err)
			return // the others would say the same
		}
		uri, host := safeURI(readStreamURI(e))
		p.URI = uri
		if p.Foreign = uri != "" && !isPinned(host, a.client.o.Peer.Address); p.Foreign {
			a.foreign(host, "GetStreamUri")
		}
	}
}

// foreign notes a host that is not the pinned one, once for each question.
func (a *asking) foreign(host, in string) {
	f := Foreign{Host: host, In: in}
	if host != "" && len(a.s.Foreign) < maxList && !slices.Contains(a.s.Foreign, f) {
		a.s.Foreign = append(a.s.Foreign, f)
	}
}

// untold notes a question without an answer. A redirect is one that is not followed.
func (a *asking) untold(operation string, err error) {
	var elsewhere redirected
	if errors.As(err, &elsewhere) {
		if !elsewhere.own {
			a.foreign(elsewhere.host, operation)
		}
	}
	if len(a.s.Untold) < maxList {
		a.s.Untold = append(a.s.Untold, Untold{operation, tidy(err.Error(), maxText), isRefused(err)})
	}
}
