package onvif

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// reading is what an answer says, and the services that it names.
type reading struct {
	Statement
	services []named
}

// readAll reads an answer as if it were one to every question.
func readAll(text []byte, secret string) (*reading, error) {
	body, err := envelopeBody(text, secret)
	if err != nil {
		return nil, err
	}
	s := &reading{}
	_ = readFault(body)
	for _, e := range body.children {
		if clock, ok := readClock(e); ok {
			s.Clock = &clock
		}
		s.readIdentity(e)
		s.readInterfaces(e)
		s.readGateways(e)
		s.readDNS(e)
		s.readNTP(e)
		s.readProtocols(e)
		s.readHostname(e)
		s.Profiles = append(s.Profiles, readProfiles(e)...)
		if uri := readStreamURI(e); uri != "" {
			shown, _ := safeURI(uri)
			s.Profiles = append(s.Profiles, Profile{URI: shown})
		}
		for _, read := range []func(*element) ([]named, bool){readServices, readCapabilities} {
			all, wireless := read(e)
			s.WirelessCapable = s.WirelessCapable || wireless
			s.services = append(s.services, all...)
		}
	}
	return s, nil
}

// TestAnswersOfRealDevices reads what they sent, where the corpus is there: each
// question's answer must tell something.
func TestAnswersOfRealDevices(t *testing.T) {
	const corpus = "../../../shared/corpus/onvif"
	told := map[string]func(*reading) bool{
		"GetSystemDateAndTime": func(s *reading) bool { return s.Clock != nil },
		"GetDeviceInformation": func(s *reading) bool { return s.Manufacturer != "" && s.Model != "" },
		"GetServices":          func(s *reading) bool { return len(s.services) > 2 },
		"GetCapabilities":      func(s *reading) bool { return len(s.services) > 2 },
		"GetNetworkProtocols":  func(s *reading) bool { return len(s.Protocols) > 1 && len(s.Protocols[0].Ports) > 0 },
		"GetStreamUri": func(s *reading) bool {
			return len(s.Profiles) == 1 && strings.HasPrefix(s.Profiles[0].URI, "rtsp://")
		},
	}
	read := 0
	err := filepath.Walk(corpus, func(path string, _ os.FileInfo, err error) error {
		if err != nil || !strings.HasSuffix(path, "Response.xml") {
			return nil // the corpus is not part of the project
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s, err := readAll(text, "")
		if err != nil {
			if !strings.Contains(path, "GetPresets") { // a tag that nothing closes
				t.Errorf("%s: %v", path, err)
			}
			return nil
		}
		read++
		question := strings.TrimSuffix(filepath.Base(path), "Response.xml")
		if ok := told[question]; ok != nil && !ok(s) && !strings.Contains(string(text), "Fault") {
			t.Errorf("%s says nothing: %+v", path, s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(read, "answers of real devices read")
}

func TestTheSecretIsTakenOut(t *testing.T) {
	text := `<E:Envelope><E:Body><R><Manufacturer>says sesame</Manufacturer><Profiles token="sesame"/></R></E:Body></E:Envelope>`
	s, err := readAll([]byte(text), "sesame")
	if err != nil || s.Manufacturer != "says ***" || s.Profiles[0].Token != "***" {
		t.Errorf("%+v, %v", s, err)
	}
	const odd = "p@ss wörd"
	for _, form := range []string{odd, "p@ss%20w%C3%B6rd", "p%40ss+w%C3%B6rd", "p%40ss%20w%c3%b6rd"} {
		if got := without("x="+form+".", odd); got != "x=***." {
			t.Errorf("%s becomes %s", form, got)
		}
	}
	for uri, want := range map[string]string{
		"rtsp://admin:secret@10.20.1.11:554/1":                 "rtsp://10.20.1.11:554/1",
		"rtsp://10.20.1.11/user=admin_password=tlJw_channel=1": "rtsp://10.20.1.11/user=admin_password=***_channel=1",
		"rtsp://10.20.1.11/a?user=x&Pwd=abc&c=1":               "rtsp://10.20.1.11/a?user=x&Pwd=***&c=1",
	} {
		if got, _ := safeURI(uri); got != want {
			t.Errorf("%s becomes %s", uri, got)
		}
	}
}

// FuzzAnswer: whatever a device answers, what is kept is short, printable and bounded.
func FuzzAnswer(f *testing.F) {
	wrap := func(body string) string { return "<s:Envelope><s:Body>" + body + "</s:Body></s:Envelope> junk" }
	f.Add(wrap(`<R><NetworkInterfaces token="e"><Info><HwAddress>02:00</HwAddress></Info><IPv4><Enabled>1</Enabled><Config><Manual><Address>1.2.3.4</Address></Manual></Config></IPv4><Extension><Dot11/></Extension></NetworkInterfaces></R>`))
	f.Add(wrap(`<R><SystemDateAndTime><UTCDateTime><Time/><Date><Year>2026</Year><Month>2</Month><Day>31</Day></Date></UTCDateTime></SystemDateAndTime></R>`))
	f.Add(wrap(`<R><Service><XAddr>http://a/b</XAddr></Service><MediaUri><Uri>rtsp://a:b@[::1]:1/?pass=x</Uri></MediaUri></R>`))
	f.Add(wrap(`<Fault><Code><Value>x</Value><Subcode><Value>ter:NotAuthorized</Value></Subcode></Code></Fault>`))
	f.Add("<a></b></a>&x;")
	f.Add("<!DOCTYPE a>")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := readAll([]byte(text), "hush")
		if err != nil {
			return
		}
		check := func(kept string) {
			if len(kept) > 3*maxText || !utf8.ValidString(kept) || strings.ContainsFunc(kept, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("kept %q", kept)
			}
		}
		for _, list := range [][]string{{s.Manufacturer, s.Model, s.Hostname}, s.DNS, s.NTP, s.Gateways} {
			for _, one := range list {
				check(one)
			}
		}
		for _, i := range s.Interfaces {
			check(i.Name + i.MAC + i.SSID)
		}
		for _, x := range s.services {
			if at, host, _, ok := locate(x.address, netipLoopback); ok && (at.port == 0 || !strings.HasPrefix(at.path, "/")) {
				t.Fatalf("%q is at %+v of %q", x.address, at, host)
			}
		}
	})
}

var netipLoopback = netip.MustParseAddr("127.0.0.1")
