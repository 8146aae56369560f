package cert

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"testing"
)

func FuzzPlainAnswer(f *testing.F) {
	f.Add([]byte("GET /a?b=c HTTP/1.1\r\nHost: nvr.camp.example:8443\r\n\r\n"))
	f.Add([]byte("GET http://attacker.example/ HTTP/1.1\r\nHost: [::1]\r\n\r\n"))
	f.Add([]byte("GET x:.attacker.example/ HTTP/1.1\r\nHost: nvr.camp.example\r\n\r\n"))
	f.Fuzz(func(t *testing.T, request []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
		if err != nil {
			return
		}
		a := answerTo(r, nil)
		if a.status != http.StatusPermanentRedirect {
			if a.location != "" || a.body == "" {
				t.Errorf("refused with %+v", a)
			}
			return
		}
		u, err := url.Parse(a.location)
		if err != nil || u.Scheme != "https" || u.Host != r.Host || u.User != nil {
			t.Errorf("sent from %q to %q: %v", r.Host, a.location, err)
		}
		// Whatever was asked, the answer is one answer.
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(a.bytes())), r)
		if err != nil || res.Header.Get("Location") != a.location {
			t.Errorf("%q: %v", a.bytes(), err)
		}
	})
}

func FuzzParsePair(f *testing.F) {
	a, root, err := newAuthority(Identity{Site: "Camp North", Names: []string{"nvr.camp.example"}}, earliest())
	if err != nil {
		f.Fatal(err)
	}
	_, leaf, err := a.issue([]string{"nvr.camp.example"}, earliest())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(root, root)
	f.Add(leaf, leaf)
	f.Add(leaf, root)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), []byte{})
	f.Fuzz(func(t *testing.T, certificate, key []byte) {
		if p, err := parsePair(certificate, key); err == nil && (p.leaf() == nil || len(p.cert.Certificate) == 0) {
			t.Error("a pair without a certificate")
		}
	})
}
