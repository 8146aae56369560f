package sso

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestTheTransportReachesOnePlace(t *testing.T) {
	issuer, err := url.Parse("https://Login.camp.example/realms/camp")
	if err != nil {
		t.Fatal(err)
	}
	reached := ""
	here := &issuerOnly{placeOf(issuer), roundTrip(func(r *http.Request) (*http.Response, error) {
		reached = r.URL.Host
		return &http.Response{Body: io.NopCloser(strings.NewReader(strings.Repeat("x", maxAnswer+1)))}, nil
	})}
	for target, fine := range map[string]bool{
		"https://login.camp.example/a":         true,
		"https://LOGIN.camp.example:443/":      true,
		"http://login.camp.example/":           false,
		"https://login.camp.example:8443/":     false,
		"https://login.camp.example.evil/":     false,
		"https://camp.example/":                false,
		"https://login.camp.example@evil.net/": false,
	} {
		r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
		reached = ""
		res, err := here.RoundTrip(r)
		if fine != (err == nil) || fine != (reached != "") || !fine && !errors.Is(err, ErrForeign) {
			t.Errorf("%s: reached %q, %v", target, reached, err)
		}
		if err != nil {
			continue
		}
		if _, err := io.ReadAll(res.Body); err == nil {
			t.Error("an answer of any length is read")
		}
	}
	client, err := newClient(issuer, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if client.Transport.(*issuerOnly).next.(*http.Transport).Proxy != nil {
		t.Error("a proxy of the environment would be used")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
