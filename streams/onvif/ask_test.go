package onvif_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/lab"
	"github.com/stockade-nvr/stockade/internal/pinned"
	"github.com/stockade-nvr/stockade/streams/onvif"
)

const notAuthorized = "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code></s:Fault>"

var headerOf = regexp.MustCompile(`<Password [^>]*>([^<]*)</Password><Nonce [^>]*>([^<]*)</Nonce><Created [^>]*>([^<]*)<`)

// challenged asks for HTTP Digest, and takes an answer to it.
func challenged() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Digest username=\"viewer\"") {
			w.Header().Set("WWW-Authenticate", `Digest realm="cam", nonce="n1", qop="auth"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		say("<GetNTPResponse><NTPInformation><NTPManual><DNSname>time.vendor.example</DNSname></NTPManual></NTPInformation></GetNTPResponse>")(w, r)
	}
}

// TestAskReadsWhatADeviceSays asks the lab's cameras: three speak ONVIF, one does not.
func TestAskReadsWhatADeviceSays(t *testing.T) {
	plan := lab.DefaultPlan(4)
	plan.OpenBridge = true
	l, err := lab.Build(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	ask := func(camera, password string) (*onvif.Statement, error) {
		d := l.Device(camera)
		return onvif.Ask(t.Context(), onvif.Options{Peer: pinned.Peer{Address: d.Camera.IP(), Device: "br-cam"}, Username: d.Camera.Username, Password: password})
	}
	dock := l.Device("loading-dock").Camera
	s, err := ask(dock.ID, dock.Password)
	if err != nil {
		t.Fatal(err)
	}
	if s.Manufacturer != dock.Maker || s.Model != "PV-880 OEM" || s.Address.Port() != 8080 || !s.Signed || len(s.Foreign)+len(s.Untold) != 0 {
		t.Errorf("it says %+v", s)
	}
	if s.Clock == nil || s.Clock.Offset > -2*time.Minute || s.Clock.Offset < -4*time.Minute {
		t.Errorf("its clock is %+v, which is three minutes behind", s.Clock)
	}
	if len(s.Profiles) != 1 || s.Profiles[0].URI != l.Device(dock.ID).URL(0) || len(s.Gateways) != 1 || s.Gateways[0] != "10.20.0.1" {
		t.Errorf("profiles %+v, gateways %v", s.Profiles, s.Gateways)
	}
	yard := l.Device("vehicle-yard").Camera
	if s, err = ask(yard.ID, yard.Password); err != nil {
		t.Fatal(err)
	}
	if len(s.Interfaces) != 2 || s.Interfaces[0].MAC != yard.MAC().String() || !s.Interfaces[1].Wireless || s.Interfaces[1].SSID != "yard-guest" {
		t.Errorf("interfaces %+v", s.Interfaces)
	}
	if s, err = ask(yard.ID, "wrong"); err != nil || s.Signed || s.Model != "" || s.Clock == nil {
		t.Errorf("with a wrong password: %+v, %v", s, err)
	}
	for _, u := range s.Untold {
		if !u.Refused {
			t.Errorf("with a wrong password: %+v", u)
		}
	}
	var e *onvif.Error
	if _, err = ask("hq-corridor", ""); !errors.As(err, &e) || e.Kind != onvif.KindClosed {
		t.Error("of a camera without ONVIF:", err)
	}
}

// TestOtherPlacesOfTheDevice: HTTP that sends to its own HTTPS, no GetServices, and
// a second media service.
func TestOtherPlacesOfTheDevice(t *testing.T) {
	profiles := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/"+name {
				say("<s:Fault><faultstring>another service</faultstring></s:Fault>")(w, r)
				return
			}
			say(`<GetProfilesResponse><Profiles token="1"><Name>`+name+`</Name></Profiles></GetProfilesResponse>`)(w, r)
		}
	}
	device := &double{answers: map[string]http.HandlerFunc{
		"GetSystemDateAndTime": say(theTime),
		"GetCapabilities": say("<GetCapabilitiesResponse><Capabilities><Device><Network><Extension><Dot11Configuration>true</Dot11Configuration></Extension></Network></Device>" +
			"<Media><XAddr>https://not.the.device.example/media</XAddr></Media></Capabilities></GetCapabilitiesResponse>"),
		"GetProfiles":  profiles("media"),
		"GetStreamUri": say("<GetStreamUriResponse><MediaUri><Uri>rtsp://127.0.0.1/1</Uri></MediaUri></GetStreamUriResponse>"),
	}}
	secure := httptest.NewTLSServer(device)
	t.Cleanup(secure.Close)
	plain := &double{answers: map[string]http.HandlerFunc{"GetSystemDateAndTime": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, secure.URL+"/onvif/device_service", http.StatusMovedPermanently)
	}}}
	if err := plain.listen(t, "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s, err := onvif.Ask(t.Context(), plain.options())
	if err != nil || !strings.HasSuffix(secure.URL, s.Address.String()) || !s.WirelessCapable || len(s.Profiles) != 1 || s.Profiles[0].Foreign || s.Profiles[0].URI != "rtsp://127.0.0.1/1" {
		t.Fatalf("%+v, %v", s, err)
	}
	device.answers["GetProfiles"] = profiles("media2")
	device.answers["GetServices"] = say("<GetServicesResponse><Service><Namespace>http://www.onvif.org/ver10/media/wsdl</Namespace><XAddr>" + secure.URL + "/media</XAddr></Service>" +
		"<Service><Namespace>http://www.onvif.org/ver20/media/wsdl</Namespace><XAddr>" + secure.URL + "/media2</XAddr></Service></GetServicesResponse>")
	if s, err = onvif.Ask(t.Context(), plain.options()); err != nil || len(s.Profiles) != 1 || s.Profiles[0].Name != "media2" || len(s.Foreign) != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	device.answers["GetProfiles"] = profiles("media") // the second is there in name only
	if s, err = onvif.Ask(t.Context(), plain.options()); err != nil || len(s.Profiles) != 1 || s.Profiles[0].Name != "media" {
		t.Fatalf("%+v, %v", s, err)
	}
}

// TestAWebServerThatWantsAPassword is passed over for a port that speaks ONVIF, and
// asked with the account where there is none.
func TestAWebServerThatWantsAPassword(t *testing.T) {
	web := &double{answers: map[string]http.HandlerFunc{}}
	device := &double{answers: map[string]http.HandlerFunc{"GetSystemDateAndTime": say(theTime)}}
	for _, q := range []string{"GetSystemDateAndTime", "GetNTP"} {
		web.answers[q] = challenged()
	}
	if err := errors.Join(web.listen(t, "127.0.0.1:0"), device.listen(t, "127.0.0.1:0")); err != nil {
		t.Fatal(err)
	}
	o := web.options()
	o.Ports = append(o.Ports, onvif.Port{Number: device.address.Port()})
	if s, err := onvif.Ask(t.Context(), o); err != nil || s.Address != device.address || len(web.requests("Authorization")) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := onvif.Ask(t.Context(), web.options()); err != nil || s.Address != web.address || !s.Signed || len(s.NTP) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestTheAccountIsOfferedOnceEachWay: devices lock accounts, and read what is sent.
func TestTheAccountIsOfferedOnceEachWay(t *testing.T) {
	refuse := func(challenge string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if challenge != "" {
				w.Header().Set("WWW-Authenticate", challenge)
				w.WriteHeader(http.StatusUnauthorized)
			}
			say(notAuthorized)(w, r)
		}
	}
	token := func(w http.ResponseWriter, r *http.Request) {}
	for name, c := range map[string]struct {
		answer        http.HandlerFunc
		digest, token int // requests that are signed
	}{
		"refuses Digest and token": {refuse(`Digest realm="cam", nonce="n1", qop="auth"`), 1, 1},
		"new nonces all the time":  {fresh(refuse), 1, 1},
		"refuses a token":          {refuse(""), 0, 1},
		"wants Basic":              {refuse(`Basic realm="cam"`), 0, 1},
		"takes anybody":            {token, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			camera := &double{answers: map[string]http.HandlerFunc{"GetSystemDateAndTime": say(theTime)}}
			for _, q := range []string{"GetServices", "GetCapabilities", "GetDeviceInformation", "GetNetworkInterfaces", "GetDNS", "GetNTP", "GetHostname"} {
				camera.answers[q] = c.answer
			}
			if err := camera.listen(t, "127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			s, err := onvif.Ask(t.Context(), camera.options())
			if err != nil || s.Signed {
				t.Fatalf("%+v, %v", s, err)
			}
			if d, n := len(camera.requests("Authorization")), len(camera.requests("UsernameToken")); d != c.digest || n != c.token {
				t.Errorf("signed %d times by Digest and %d by token, want %d and %d", d, n, c.digest, c.token)
			}
			if len(camera.requests("open sesame")) != 0 || len(camera.requests("Basic")) != 0 {
				t.Error("the password was sent")
			}
		})
	}
}

// TestAnAccountOfLittleRightsIsTaken: it is one, however many questions it is denied.
func TestAnAccountOfLittleRightsIsTaken(t *testing.T) {
	camera := &double{answers: map[string]http.HandlerFunc{"GetSystemDateAndTime": say(theTime)}}
	denied := []string{"GetNetworkInterfaces", "GetNetworkDefaultGateway", "GetDNS", "GetNTP", "GetNetworkProtocols"}
	for _, q := range denied {
		camera.answers[q] = say(notAuthorized)
	}
	camera.answers["GetDeviceInformation"] = func(w http.ResponseWriter, _ *http.Request) {
		if len(camera.requests("UsernameToken")) == 0 {
			say(notAuthorized)(w, nil)
			return
		}
		say("<GetDeviceInformationResponse><Model>M1</Model></GetDeviceInformationResponse>")(w, nil)
	}
	if err := camera.listen(t, "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s, err := onvif.Ask(t.Context(), camera.options())
	if err != nil || !s.Signed || s.Model != "M1" {
		t.Fatalf("%+v, %v", s, err)
	}
	refused := 0
	for _, u := range s.Untold {
		if u.Refused {
			refused++
		}
	}
	if n := len(camera.requests("UsernameToken")); refused != len(denied) || n != 1+len(denied) {
		t.Errorf("%d refused, %d signed: %+v", refused, n, s.Untold)
	}
}

// fresh challenges with another nonce each time.
func fresh(refuse func(string) http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		refuse(fmt.Sprintf(`Digest realm="cam", nonce="%d", qop="auth"`, time.Now().UnixNano()))(w, r)
	}
}

// TestATokenHasTheDevicesTime: a device whose clock is wrong refuses our time.
func TestATokenHasTheDevicesTime(t *testing.T) {
	camera := &double{answers: map[string]http.HandlerFunc{"GetSystemDateAndTime": say(theTime), "GetHostname": say(notAuthorized)}}
	if err := camera.listen(t, "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	o := camera.options()
	o.Now = func() time.Time { return time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC) }
	if _, err := onvif.Ask(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	sent := camera.requests("UsernameToken")
	if len(sent) != 1 {
		t.Fatalf("%d requests with a token", len(sent))
	}
	m := headerOf.FindStringSubmatch(sent[0])
	if len(m) != 4 || m[3] != "2026-11-23T12:00:00Z" {
		t.Fatalf("made at %q", m)
	}
	nonce, err := base64.StdEncoding.DecodeString(m[2])
	sum := sha1.Sum([]byte(string(nonce) + m[3] + "open sesame"))
	if err != nil || len(nonce) != 16 || m[1] != base64.StdEncoding.EncodeToString(sum[:]) {
		t.Error("the digest is not that of the nonce, the time and the password", err)
	}
}

// TestHostileAnswersEnd: what a device sends costs a bounded time and memory, and is named.
func TestHostileAnswersEnd(t *testing.T) {
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
	}
	endless := func(w http.ResponseWriter, r *http.Request) {
		for chunk := bytes.Repeat([]byte("<a>"), 10_000); r.Context().Err() == nil; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	slow := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			fmt.Fprint(w, " ")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	}
	bomb := `<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c SYSTEM "http://` + abroad + `/x">]><s:Envelope xmlns:s="s"><s:Body>&b;&c;</s:Body></s:Envelope>`
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   onvif.Kind
		says   string
	}{
		"entity bomb":  {raw(bomb), onvif.KindNotONVIF, "document type"},
		"endless":      {endless, onvif.KindNotONVIF, "longer than"},
		"slow":         {slow, onvif.KindSilent, ""},
		"deep":         {raw(strings.Repeat("<a>", 1000)), onvif.KindNotONVIF, "deeper than"},
		"wide":         {raw("<a>" + strings.Repeat("<b/>", 50_000)), onvif.KindNotONVIF, "20000 elements"},
		"cut off":      {raw(`<s:Envelope xmlns:s="s"><s:Body>`), onvif.KindNotONVIF, "EOF"},
		"a web page":   {raw("<html><body>Welcome</body></html>"), onvif.KindNotONVIF, "ONVIF"},
		"no XML":       {raw("\x00\x01\xff"), onvif.KindNotONVIF, ""},
		"long headers": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, onvif.KindNotONVIF, "header"},
		"a way of ours": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/login")
			w.WriteHeader(http.StatusFound)
		}, onvif.KindNotONVIF, "redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			camera := &double{answers: map[string]http.HandlerFunc{"GetSystemDateAndTime": c.answer}}
			if err := camera.listen(t, "127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			o := camera.options()
			o.Patience, o.Most = 4*time.Second, 30*time.Second
			_, err := onvif.Ask(t.Context(), o)
			var e *onvif.Error
			if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if len(camera.requests("Authorization"))+len(camera.requests("UsernameToken")) != 0 {
				t.Error("the account was offered")
			}
		})
	}
}
