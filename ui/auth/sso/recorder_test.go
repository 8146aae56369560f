package sso_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth/sso"
)

// recorder is a server with the two handlers that an API would have.
type recorder struct {
	*httptest.Server
	ahead atomic.Int64 // of its clock, nanoseconds

	mu  sync.Mutex // guards what follows
	who sso.Identity
	err error
}

// last tells how the last Begin or Finish ended.
func (r *recorder) last() (sso.Identity, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.who, r.err
}

func (r *recorder) end(w http.ResponseWriter, who sso.Identity, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.who, r.err = who, err; err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
	}
}

func guard() sso.Grant { return sso.Grant{Role: "operator", Rights: []string{"live"}, All: true} }

// startRecorder runs a recorder that knows the provider as camp. With prepare
// the test changes the options first.
func startRecorder(t *testing.T, camp *campLogin, prepare func(*sso.Options)) *recorder {
	t.Helper()
	r := &recorder{Server: httptest.NewUnstartedServer(nil)}
	o := sso.Options{
		Providers: []sso.Provider{{
			ID: "camp", Name: "Camp account", Issuer: camp.URL, ClientID: "nvr", Secret: "camp secret/+",
			GroupsClaim: "realm.roles", Authorities: camp.authority(),
			Roles: []sso.GroupRole{
				{Group: "admins", Grant: sso.Grant{Role: "admin", All: true}},
				{Group: "guards", Grant: guard()},
				{Group: "staff", Grant: sso.Grant{Role: "viewer"}},
			},
		}},
		Hosts: func(host string) bool { return host == r.Listener.Addr().String() },
		Path:  "/api/v1/sso/",
		Now:   func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) },
	}
	if prepare != nil {
		prepare(&o)
	}
	s, err := sso.New(o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/sso/{provider}", func(w http.ResponseWriter, q *http.Request) {
		r.end(w, sso.Identity{}, s.Begin(w, q, q.PathValue("provider")))
	})
	mux.HandleFunc("GET /api/v1/sso/{provider}/callback", func(w http.ResponseWriter, q *http.Request) {
		who, err := s.Finish(w, q, q.PathValue("provider"))
		r.end(w, who, err)
	})
	r.Config.Handler = mux
	r.StartTLS()
	t.Cleanup(r.Close)
	camp.house.mu.Lock()
	camp.house.back = append(camp.house.back, r.URL+"/api/v1/sso/camp/callback", r.URL+"/api/v1/sso/annex/callback")
	camp.house.mu.Unlock()
	return r
}

// person is a browser and who sits before it.
type person struct {
	t      *testing.T
	client *http.Client
}

func newPerson(t *testing.T, camp *campLogin) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(camp.authority()) // all servers of these tests have the same
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &person{t, &http.Client{
		Jar: jar, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// tryToBegin gives how the first step ended.
func (p *person) tryToBegin(r *recorder, provider string) error {
	p.t.Helper()
	p.open(r.URL + "/api/v1/sso/" + provider)
	_, err := r.last()
	return err
}

// open asks for a page and gives where it leads; empty when it leads nowhere.
func (p *person) open(target string) (status int, location string) {
	p.t.Helper()
	res, err := p.client.Get(target)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.leads(res)
}

func (p *person) leads(res *http.Response) (status int, location string) {
	p.t.Helper()
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		p.t.Fatal(err)
	}
	to, err := res.Location()
	if errors.Is(err, http.ErrNoLocation) {
		return res.StatusCode, ""
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, to.String()
}

// begin signs in at the provider and stops before coming back: it gives the URL
// to come back to.
func (p *person) begin(r *recorder, provider string) string {
	p.t.Helper()
	status, at := p.open(r.URL + "/api/v1/sso/" + provider)
	if status != http.StatusSeeOther {
		_, err := r.last()
		p.t.Fatalf("begin: status %d, %v", status, err)
	}
	for range 10 {
		switch {
		case strings.HasPrefix(at, r.URL):
			return at
		case strings.Contains(at, "/login?"):
			u, err := url.Parse(at)
			if err != nil {
				p.t.Fatal(err)
			}
			res, err := p.client.PostForm(at, url.Values{"id": {u.Query().Get("id")}, "password": {"camp"}})
			if err != nil {
				p.t.Fatal(err)
			}
			_, at = p.leads(res)
		default:
			_, at = p.open(at)
		}
		if at == "" {
			p.t.Fatal("the provider leads nowhere")
		}
	}
	p.t.Fatal("the provider leads on and on")
	return ""
}

// finish comes back, and wants to be refused so; nil: to be signed in.
func (p *person) finish(r *recorder, back string, want error) (sso.Identity, error) {
	p.t.Helper()
	p.open(back)
	who, err := r.last()
	switch {
	case want == nil && err != nil, want != nil && !errors.Is(err, want):
		p.t.Errorf("got %v, want %v", err, want)
	case errors.Is(want, sso.ErrNoRole):
		// Whoever has lost their role is named, so that what they have here ends.
		if who.Subject == "" || who.Group != "" || who.Grant.Role != "" {
			p.t.Errorf("without a role: %+v", who)
		}
	case want != nil && who.Subject != "":
		p.t.Errorf("refused, and still told who it is: %+v", who)
	}
	return who, err
}
