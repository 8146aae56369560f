package tunnel

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/stockade-nvr/stockade/internal/pinned"
)

func leadingTo(port uint16, secure bool) *tunnel {
	o := Opening{
		Peer: pinned.Peer{Address: netip.MustParseAddr("10.20.1.11")}, Port: port, TLS: secure,
		Origin: "https://nvr.example:8443", Page: "https://nvr.example",
	}
	return &tunnel{opening: o, target: targetOf(o)}
}

func TestLinksToTheDeviceLeadToTheTunnel(t *testing.T) {
	for name, c := range map[string]struct{ link, want string }{
		"relative":               {"next.html?a=1;b", "https://nvr.example:8443/doc/next.html?a=1;b"},
		"absolute path":          {"/x%2fy", "https://nvr.example:8443/x%2fy"},
		"own address":            {"http://10.20.1.11/x#y", "https://nvr.example:8443/x#y"},
		"own address with port":  {"http://10.20.1.11:80/x", "https://nvr.example:8443/x"},
		"own address mapped":     {"http://[::ffff:10.20.1.11]/x", "https://nvr.example:8443/x"},
		"two slashes of a path":  {"http://10.20.1.11//evil.example/x", "https://nvr.example:8443//evil.example/x"},
		"another port":           {"http://10.20.1.11:8000/x", ""},
		"HTTPS":                  {"https://10.20.1.11/x", ""},
		"another host":           {"http://192.0.2.9/x", ""},
		"another host, relative": {"//192.0.2.9/x", ""},
		"a name":                 {"http://cam.example/x", ""},
		"a longer address":       {"http://10.20.1.110/x", ""},
		"its address as a user":  {"http://10.20.1.11@evil.example/", ""},
		"a script":               {"javascript:alert(1)", ""},
		"no URL":                 {"http://%zz/", ""},
	} {
		t.Run(name, func(t *testing.T) {
			tn := leadingTo(80, false)
			got, ok := tn.lead(tn.target.JoinPath("doc", "page.html"), c.link)
			if got != c.want || ok != (c.want != "") {
				t.Errorf("%q leads to %q, want %q", c.link, got, c.want)
			}
		})
	}
}

func TestTextsAreCorrected(t *testing.T) {
	for name, c := range map[string]struct {
		port       uint16
		secure     bool
		text, want string
	}{
		"a link":                {80, false, `<a href="http://10.20.1.11/x">`, `<a href="https://nvr.example:8443/x">`},
		"with a port":           {8000, false, `url(http://10.20.1.11:8000/x)`, `url(https://nvr.example:8443/x)`},
		"without a scheme":      {80, false, `src="//10.20.1.11/x"`, `src="//nvr.example:8443/x"`},
		"a WebSocket":           {80, false, `'ws://10.20.1.11/x'`, `'wss://nvr.example:8443/x'`},
		"JSON":                  {443, true, `{"u":"https:\/\/10.20.1.11\/x"}`, `{"u":"https:\/\/nvr.example:8443\/x"}`},
		"two":                   {80, false, `http://10.20.1.11 HTTP://10.20.1.11`, `https://nvr.example:8443 https://nvr.example:8443`},
		"at the very beginning": {80, false, `//10.20.1.11`, `//nvr.example:8443`},
		"another port":          {80, false, `http://10.20.1.11:81/`, `http://10.20.1.11:81/`},
		"another scheme":        {80, false, `https://10.20.1.11/ rtsp://10.20.1.11/`, `https://10.20.1.11/ rtsp://10.20.1.11/`},
		"a longer address":      {80, false, `http://10.20.1.110/ http://10.20.1.11.evil.example/`, `http://10.20.1.110/ http://10.20.1.11.evil.example/`},
		"a user":                {80, false, `http://10.20.1.11@evil.example/`, `http://10.20.1.11@evil.example/`},
		"the address alone":     {80, false, `10.20.1.11 is its address`, `10.20.1.11 is its address`},
		"xhttp":                 {80, false, `xhttp://10.20.1.11/`, `xhttp://10.20.1.11/`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := leadingTo(c.port, c.secure).correct([]byte(c.text)); string(got) != c.want {
				t.Errorf("%s\nbecame %s\nwant   %s", c.text, got, c.want)
			}
		})
	}
}

func FuzzCorrect(f *testing.F) {
	f.Add([]byte(`<a href="http://10.20.1.11:80/x">//10.20.1.11`))
	f.Add([]byte(`https:\/\/10.20.1.11\/10.20.1.1110.20.1.11:99999999`))
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		got := leadingTo(80, false).correct(text)
		if !bytes.Equal(before, text) {
			t.Fatal("the text was changed in place")
		}
		// What is corrected stays so, and all the rest is as it was.
		if again := leadingTo(80, false).correct(got); !bytes.Contains(before, []byte("nvr.example")) && !bytes.Equal(again, got) {
			t.Fatalf("%q became %q, and then %q", before, got, again)
		}
		if !bytes.Contains(before, []byte("//10.20.1.11")) && !bytes.Contains(before, []byte(`\/\/10.20.1.11`)) && !bytes.Equal(before, got) {
			t.Fatalf("%q became %q", before, got)
		}
	})
}

func FuzzLead(f *testing.F) {
	f.Add("http://10.20.1.11/x")
	f.Add("//10.20.1.11//evil.example")
	f.Fuzz(func(t *testing.T, link string) {
		tn := leadingTo(80, false)
		if to, ok := tn.lead(tn.target, link); ok && !bytes.HasPrefix([]byte(to), []byte(tn.opening.Origin+"/")) {
			t.Fatalf("%q leads to %q", link, to)
		}
	})
}
