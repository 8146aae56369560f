package onvif_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/lab"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
	"github.com/stockade-nvr/stockade/internal/pinned"
	"github.com/stockade-nvr/stockade/streams/onvif"
)

func TestMain(m *testing.M) { ns.Main(m) }

// abroad is a host that the lab's outside answers for, and counts.
const abroad = "203.0.113.9"

// double is a device that a test plays: what it answers to each question, and all
// that it was sent.
type double struct {
	address netip.AddrPort
	answers map[string]http.HandlerFunc

	mu   sync.Mutex
	sent []string
}

// ServeHTTP notes a request, head and body, and answers it.
func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what there was of it is noted
	asked := ""
	for name := range d.answers {
		if strings.Contains(string(body), "<"+name+" xmlns=") {
			asked = name
		}
	}
	d.mu.Lock()
	d.sent = append(d.sent, fmt.Sprint(r.URL, "\n", r.Header, "\n", string(body)))
	d.mu.Unlock()
	if answer := d.answers[asked]; answer != nil {
		answer(w, r)
		return
	}
	say("<s:Fault><s:Reason><s:Text>Optional Action Not Implemented</s:Text></s:Reason></s:Fault>")(w, r)
}

// requests gives those that hold all of the words.
func (d *double) requests(words ...string) (found []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, one := range d.sent {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(one, w) }) {
			found = append(found, one)
		}
	}
	return found
}

// say answers with a body of SOAP.
func say(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>`+body+`</s:Body></s:Envelope>`)
	}
}

// listen serves a double at an address, in the namespace that it is called in.
func (d *double) listen(t *testing.T, at string) error {
	ln, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	d.address = netip.MustParseAddrPort(ln.Addr().String())
	server := &http.Server{Handler: d, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(ln) }() // until it is closed
	t.Cleanup(func() { server.Close() })
	return nil
}

func (d *double) options() onvif.Options {
	return onvif.Options{
		Peer: pinned.Peer{Address: d.address.Addr()}, Ports: []onvif.Port{{Number: d.address.Port()}},
		Username: "viewer", Password: "open sesame",
	}
}

// theTime is an answer that every device has.
const theTime = "<GetSystemDateAndTimeResponse><SystemDateAndTime><DateTimeType>NTP</DateTimeType><UTCDateTime><Time><Hour>12</Hour><Minute>0</Minute><Second>0</Second></Time>" +
	"<Date><Year>2026</Year><Month>11</Month><Day>23</Day></Date></UTCDateTime></SystemDateAndTime></GetSystemDateAndTimeResponse>"

// pointingAbroad is a device that names hosts outside wherever ONVIF has room for one.
func pointingAbroad() *double {
	to := func(port int, status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, fmt.Sprintf("http://%s:%d/onvif", abroad, port), status)
		}
	}
	return &double{answers: map[string]http.HandlerFunc{
		"GetSystemDateAndTime": say(theTime),
		"GetServices": say("<GetServicesResponse>" +
			"<Service><Namespace>http://www.onvif.org/ver10/device/wsdl</Namespace><XAddr>http://" + abroad + ":9001/onvif/device_service</XAddr></Service>" +
			"<Service><Namespace>http://www.onvif.org/ver10/media/wsdl</Namespace><XAddr>http://" + abroad + ":9001/onvif/media</XAddr></Service>" +
			"<Service><Namespace>http://www.onvif.org/ver10/events/wsdl</Namespace><XAddr>http://relay.vendor.example:9001/events</XAddr></Service></GetServicesResponse>"),
		"GetDeviceInformation": to(9001, http.StatusTemporaryRedirect),
		"GetNetworkInterfaces": to(9001, http.StatusMovedPermanently),
		"GetDNS":               to(9001, http.StatusFound),
		"GetProfiles":          say(`<GetProfilesResponse><Profiles token="a&amp;&quot;&lt;"><Name>main</Name></Profiles></GetProfilesResponse>`),
		"GetStreamUri":         say("<GetStreamUriResponse><MediaUri><Uri>rtsp://viewer:open%20sesame@" + abroad + ":9001/live?password=open&amp;pwd=x</Uri></MediaUri></GetStreamUriResponse>"),
		"GetNTP":               challenged(),
		"Naive":                to(9000, http.StatusTemporaryRedirect),
	}}
}

// TestForeignAddressesAreToldAndNeverDialled: a device that names hosts outside as
// its services', its stream's and in redirects (C13). A client that follows arrives.
func TestForeignAddressesAreToldAndNeverDialled(t *testing.T) {
	plan := lab.DefaultPlan(4)
	plan.Cameras, plan.Rogue, plan.OpenBridge = plan.Cameras[:1], false, true
	l, err := lab.Build(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	camera := pointingAbroad()
	if err := l.Devices()[0].Namespace().Do(func() error { return camera.listen(t, "10.20.1.11:9100") }); err != nil {
		t.Fatal(err)
	}
	connections := func(port int) *counting { return countAt(t, l.Outside(), port) }
	naive, followed := connections(9000), connections(9001)

	// What any client that follows would do.
	res, err := http.Post("http://"+camera.address.String()+"/onvif", "application/soap+xml", strings.NewReader("<Naive xmlns=\"\"/>"))
	if err != nil {
		t.Fatal("a client that follows does not arrive, so this test proves nothing:", err)
	}
	res.Body.Close()
	if naive.count() == 0 || arrived(l, 9000) == 0 {
		t.Fatal("a client that follows was not counted outside: this test proves nothing")
	}

	s, err := onvif.Ask(t.Context(), camera.options())
	if err != nil {
		t.Fatal(err)
	}
	if n := followed.count(); n != 0 || arrived(l, 9001) != 0 {
		t.Errorf("%d connections, %d packets arrived at the host that the device named", n, arrived(l, 9001))
	}
	for _, want := range []onvif.Foreign{
		{Host: abroad, In: "GetServices"},
		{Host: "relay.vendor.example", In: "GetServices"},
		{Host: abroad, In: "GetStreamUri"},
		{Host: abroad, In: "GetDeviceInformation"},
		{Host: abroad, In: "GetNetworkInterfaces"},
		{Host: abroad, In: "GetDNS"},
	} {
		if !slices.Contains(s.Foreign, want) {
			t.Errorf("%+v is not told of: %+v", want, s.Foreign)
		}
	}
	if len(camera.requests("/onvif/media\n", "GetProfiles")) == 0 {
		t.Error("the media service was not asked at the pinned address")
	}
	if len(s.Profiles) != 1 || !s.Profiles[0].Foreign || strings.Contains(s.Profiles[0].URI, "viewer") || strings.Contains(s.Profiles[0].URI, "open") {
		t.Errorf("profiles %+v", s.Profiles)
	}
	if !s.Signed || len(camera.requests("open sesame")) != 0 {
		t.Error("the account was not used, or its password sent")
	}
}

// TestAHostileFirstAnswer: a device that sends away whoever asks tells nothing else.
func TestAHostileFirstAnswer(t *testing.T) {
	camera := &double{answers: map[string]http.HandlerFunc{"GetSystemDateAndTime": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://"+abroad+"/")
		w.WriteHeader(http.StatusFound)
	}}}
	if err := camera.listen(t, "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	_, err := onvif.Ask(t.Context(), camera.options())
	var e *onvif.Error
	if !errors.As(err, &e) || e.Kind != onvif.KindForeign || !slices.Contains(e.Foreign, onvif.Foreign{Host: abroad, In: "redirect"}) {
		t.Error(err)
	}
	if len(camera.requests("Authorization")) != 0 || len(camera.requests("UsernameToken")) != 0 {
		t.Error("the account was offered to a device that never asked for it")
	}
}

// TestARedirectTellsNoPassword, wherever in the address the device repeats it.
func TestARedirectTellsNoPassword(t *testing.T) {
	for _, to := range []string{
		"http://p@ss wörd.vendor.example/", "http://p%40ss%20w%C3%B6rd@vendor.example/", "http://vendor.example/p@ss%20w%C3%B6rd", "http://vendor.example/?x=p%40ss+w%c3%b6rd",
	} {
		camera := &double{answers: map[string]http.HandlerFunc{"GetSystemDateAndTime": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		}}}
		if err := camera.listen(t, "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		o := camera.options()
		o.Password = "p@ss wörd"
		_, err := onvif.Ask(t.Context(), o)
		var e *onvif.Error
		if !errors.As(err, &e) || e.Kind != onvif.KindForeign || len(e.Foreign) != 1 {
			t.Errorf("%s: %v", to, err)
			continue
		}
		for _, said := range []string{err.Error(), e.Foreign[0].Host} {
			if said = strings.ToLower(said); strings.Contains(said, "wörd") || strings.Contains(said, "%b6rd") {
				t.Errorf("%s: %s", to, said)
			}
		}
	}
}

// arrived counts packets to a port that came outside.
func arrived(l *lab.Lab, port int) (n uint64) {
	for _, k := range l.Stats().OutsideKinds {
		if k.Port == port {
			n += k.Packets
		}
	}
	return n
}

// counting is a listener outside that counts who connects.
type counting struct {
	mu sync.Mutex
	n  int
}

func (c *counting) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func countAt(t *testing.T, outside *ns.Namespace, port int) *counting {
	t.Helper()
	c := &counting{}
	var ln net.Listener
	if err := outside.Do(func() (err error) { ln, err = net.Listen("tcp", fmt.Sprintf(":%d", port)); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		_ = http.Serve(ln, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { //nolint:gosec // of a test, and closed with it
			c.mu.Lock()
			defer c.mu.Unlock()
			c.n++
		}))
	}()
	return c
}
