package sso_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/stockade-nvr/stockade/ui/auth/sso"
)

func TestAPersonSignsIn(t *testing.T) {
	for name, prepare := range map[string]func(*house){
		"groups in the ID token":  nil,
		"groups in the user info": func(h *house) { h.inUserInfo = true },
		"secret in the body":      func(h *house) { h.method = oidc.AuthMethodPost },
		"public client":           func(h *house) { h.method = oidc.AuthMethodNone },
	} {
		t.Run(name, func(t *testing.T) {
			camp := startCamp(t, prepare)
			r := startRecorder(t, camp, func(o *sso.Options) {
				if camp.house.method == oidc.AuthMethodNone {
					o.Providers[0].Secret = ""
				}
			})
			p := newPerson(t, camp)
			who, _ := p.finish(r, p.begin(r, "camp"), nil)
			want := sso.Identity{Provider: "camp", Issuer: camp.URL, Subject: "u-17", Name: "min", Display: "Min  Seo-yeon", Group: "guards", Grant: guard()}
			if diff := cmp.Diff(want, who); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			// Again, with another key of the provider's.
			camp.house.newKey()
			p.finish(r, p.begin(r, "camp"), nil)
		})
	}
}

func TestWhatTheBrowserIsGiven(t *testing.T) {
	camp := startCamp(t, nil)
	r := startRecorder(t, camp, nil)
	p := newPerson(t, camp)
	res, err := p.client.Get(r.URL + "/api/v1/sso/camp")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	c := res.Cookies()[0]
	if c.Name != "__Host-nvr-sso" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge != 600 || c.Domain != "" {
		t.Errorf("cookie %v", c)
	}
	to, err := res.Location()
	if err != nil {
		t.Fatal(err)
	}
	q := to.Query()
	for key, want := range map[string]string{
		"response_type": "code", "client_id": "nvr", "code_challenge_method": "S256",
		"redirect_uri": r.URL + "/api/v1/sso/camp/callback", "scope": "openid profile groups",
	} {
		if q.Get(key) != want {
			t.Errorf("%s is %q, want %q", key, q.Get(key), want)
		}
	}
	for _, key := range []string{"state", "nonce", "code_challenge"} {
		if v := q.Get(key); len(v) < 40 || strings.Contains(c.Value, v) {
			t.Errorf("%s %q: too short, or readable in the cookie", key, v)
		}
	}
	if strings.Contains(to.String(), "secret") {
		t.Error("the client's secret went through the browser")
	}
}

func TestOnlyOneReturnOfTheSameBrowserCounts(t *testing.T) {
	camp := startCamp(t, nil)
	r := startRecorder(t, camp, func(o *sso.Options) {
		annex := o.Providers[0]
		annex.ID = "annex"
		o.Providers = append(o.Providers, annex)
	})
	t.Run("again", func(t *testing.T) {
		p := newPerson(t, camp)
		_, at := p.open(r.URL + "/api/v1/sso/camp")
		at, kept := p.signedIn(r, at), p.client.Jar.Cookies(parse(t, r.URL))
		p.finish(r, at, nil)
		p.finish(r, at, sso.ErrStale)                  // the cookie is gone
		p.client.Jar.SetCookies(parse(t, r.URL), kept) // and a thief's copy of it is used up
		if _, err := p.finish(r, at, sso.ErrStale); !strings.Contains(err.Error(), "used before") {
			t.Error(err)
		}
	})
	t.Run("another browser", func(t *testing.T) {
		back := newPerson(t, camp).begin(r, "camp")
		newPerson(t, camp).finish(r, back, sso.ErrStale)
		other := newPerson(t, camp)
		other.begin(r, "camp")
		other.finish(r, back, sso.ErrStale)
	})
	t.Run("another state", func(t *testing.T) {
		p := newPerson(t, camp)
		back := parse(t, p.begin(r, "camp"))
		for _, state := range []string{"", "x"} {
			q := back.Query()
			q.Set("state", state)
			p.finish(r, r.URL+back.Path+"?"+q.Encode(), sso.ErrStale)
		}
		p.finish(r, back.String(), nil) // a forger's try does not end the real one
	})
	t.Run("another provider", func(t *testing.T) {
		p := newPerson(t, camp)
		p.finish(r, strings.Replace(p.begin(r, "camp"), "/camp/", "/annex/", 1), sso.ErrStale)
	})
	t.Run("too late", func(t *testing.T) {
		p := newPerson(t, camp)
		back := p.begin(r, "camp")
		r.ahead.Store(int64(11 * time.Minute))
		defer r.ahead.Store(0)
		p.finish(r, back, sso.ErrStale)
	})
	t.Run("a code of another sign-in", func(t *testing.T) {
		mine, theirs := newPerson(t, camp), newPerson(t, camp)
		stolen := parse(t, theirs.begin(r, "camp")).Query().Get("code")
		back := parse(t, mine.begin(r, "camp"))
		q := back.Query()
		q.Set("code", stolen)
		mine.finish(r, r.URL+back.Path+"?"+q.Encode(), sso.ErrStale) // PKCE
	})
	t.Run("made up", func(t *testing.T) {
		p := newPerson(t, camp)
		p.client.Jar.SetCookies(parse(t, r.URL), []*http.Cookie{{Name: "__Host-nvr-sso", Value: strings.Repeat("A", 300), Secure: true, Path: "/"}})
		p.finish(r, r.URL+"/api/v1/sso/camp/callback?code=x&state=y", sso.ErrStale)
	})
}

// signedIn is begin from where the recorder has led to.
func (p *person) signedIn(r *recorder, at string) string {
	p.t.Helper()
	_, login := p.open(at)
	login = parse(p.t, at).Scheme + "://" + parse(p.t, at).Host + "/login?" + parse(p.t, login).RawQuery
	res, err := p.client.PostForm(login, url.Values{"id": {parse(p.t, login).Query().Get("id")}, "password": {"camp"}})
	if err != nil {
		p.t.Fatal(err)
	}
	_, at = p.leads(res)
	_, at = p.open(at)
	if !strings.HasPrefix(at, r.URL) {
		p.t.Fatalf("led to %s", at)
	}
	return at
}

func parse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestWhatAProviderSaysIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*house)
		want    error
	}{
		"another nonce":              {func(h *house) { h.nonce = "x" }, sso.ErrToken},
		"expired":                    {func(h *house) { h.lifetime = -3 * time.Minute }, sso.ErrToken},
		"expired by our clock alone": {func(h *house) { h.lifetime = -time.Minute }, nil},
		"no group that fits":         {func(h *house) { h.groups = []string{"Guards", "guard", ""} }, sso.ErrNoRole},
		"no group":                   {func(h *house) { h.groups = nil }, sso.ErrNoRole},
		"no group anywhere":          {func(h *house) { h.groups, h.inUserInfo = nil, true }, sso.ErrNoRole},
		"user info of another":       {func(h *house) { h.inUserInfo, h.infoOf = true, "x" }, sso.ErrToken},
		"no subject":                 {func(h *house) { h.subject = "" }, sso.ErrToken},
		"a long subject":             {func(h *house) { h.subject = strings.Repeat("u", 256) }, sso.ErrToken},
	} {
		t.Run(name, func(t *testing.T) {
			camp := startCamp(t, c.prepare)
			r := startRecorder(t, camp, nil)
			p := newPerson(t, camp)
			_, err := p.finish(r, p.begin(r, "camp"), c.want)
			var refusal *sso.Refusal
			if c.want != nil && (!errors.As(err, &refusal) || refusal.Message == "" || refusal.Fix == "") {
				t.Errorf("no fix in %v", err)
			}
		})
	}
	t.Run("that the person refused", func(t *testing.T) {
		camp := startCamp(t, nil)
		r := startRecorder(t, camp, nil)
		p := newPerson(t, camp)
		q := parse(t, p.begin(r, "camp")).Query()
		_, err := p.finish(r, r.URL+"/api/v1/sso/camp/callback?error=access_denied%0a&state="+q.Get("state"), sso.ErrDenied)
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q", err)
		}
	})
	t.Run("that it is another issuer", func(t *testing.T) {
		camp := startCamp(t, nil)
		r := startRecorder(t, camp, nil)
		p := newPerson(t, camp)
		p.finish(r, p.begin(r, "camp")+"&iss=https://attacker.example", sso.ErrToken)
	})
	t.Run("that the secret is wrong", func(t *testing.T) {
		camp := startCamp(t, nil)
		r := startRecorder(t, camp, func(o *sso.Options) { o.Providers[0].Secret = "a-wrong-one" })
		p := newPerson(t, camp)
		_, err := p.finish(r, p.begin(r, "camp"), sso.ErrDenied)
		if strings.Contains(err.Error(), "a-wrong-one") {
			t.Error("the secret is in the error")
		}
	})
}

func TestTheFirstGroupOfTheSiteFileCounts(t *testing.T) {
	camp := startCamp(t, func(h *house) { h.groups = []string{"staff", "guards", "admins"} })
	r := startRecorder(t, camp, nil)
	p := newPerson(t, camp)
	if who, _ := p.finish(r, p.begin(r, "camp"), nil); who.Group != "admins" || who.Grant.Role != "admin" {
		t.Errorf("%+v", who)
	}
}

func TestAProviderThatIsDownComesBack(t *testing.T) {
	camp := startCamp(t, nil)
	var asked atomic.Int64
	var up atomic.Bool
	camp.instead(func(w http.ResponseWriter, q *http.Request, next http.Handler) {
		if asked.Add(1); !up.Load() {
			http.Error(w, strings.Repeat("maintenance ", 1000), http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, q)
	})
	r := startRecorder(t, camp, nil)
	p := newPerson(t, camp)
	for range 3 {
		if err := p.tryToBegin(r, "camp"); !errors.Is(err, sso.ErrUnavailable) || len(err.Error()) > 1000 {
			t.Errorf("%.100v", err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times within five seconds", n)
	}
	up.Store(true)
	r.ahead.Store(int64(6 * time.Second))
	p.finish(r, p.begin(r, "camp"), nil)

	// What is known of it is used when it cannot be asked again.
	r.ahead.Store(int64(2 * time.Hour))
	up.Store(false)
	if err := p.tryToBegin(r, "camp"); err != nil {
		t.Error(err)
	}
}

func TestNothingListensThere(t *testing.T) {
	camp := startCamp(t, nil)
	r := startRecorder(t, camp, nil)
	p := newPerson(t, camp)
	back := p.begin(r, "camp")
	camp.Close()
	p.finish(r, back, sso.ErrUnavailable)
}

func TestTheRecorderTalksToTheIssuerOnly(t *testing.T) {
	var visits atomic.Int64
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer elsewhere.Close()
	camp := startCamp(t, nil)
	for name, answer := range map[string]func(w http.ResponseWriter, q *http.Request){
		"redirect": func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, elsewhere.URL, http.StatusFound)
		},
		"redirect at home": func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "/elsewhere", http.StatusFound)
		},
		"endpoints": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"issuer":"` + camp.URL + `","authorization_endpoint":"` + camp.URL + `/a","token_endpoint":"` + elsewhere.URL + `","jwks_uri":"` + camp.URL + `/k"}`))
		},
		"without encryption": func(w http.ResponseWriter, _ *http.Request) {
			plain := strings.Replace(camp.URL, "https", "http", 1)
			_, _ = w.Write([]byte(`{"issuer":"` + camp.URL + `","authorization_endpoint":"` + camp.URL + `/a","token_endpoint":"` + plain + `/t","jwks_uri":"` + camp.URL + `/k"}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			camp.instead(func(w http.ResponseWriter, q *http.Request, next http.Handler) {
				if strings.HasPrefix(q.URL.Path, "/.well-known/") {
					answer(w, q)
					return
				}
				next.ServeHTTP(w, q)
			})
			r := startRecorder(t, camp, nil)
			if err := newPerson(t, camp).tryToBegin(r, "camp"); !errors.Is(err, sso.ErrForeign) {
				t.Error(err)
			}
		})
	}
	t.Run("user info", func(t *testing.T) {
		camp := startCamp(t, func(h *house) { h.inUserInfo = true })
		camp.instead(func(w http.ResponseWriter, q *http.Request, next http.Handler) {
			if !strings.HasPrefix(q.URL.Path, "/.well-known/") {
				next.ServeHTTP(w, q)
				return
			}
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, q)
			_, _ = w.Write([]byte(strings.Replace(answer.Body.String(), camp.URL+"/userinfo", elsewhere.URL, 1)))
		})
		r := startRecorder(t, camp, nil)
		p := newPerson(t, camp)
		p.finish(r, p.begin(r, "camp"), sso.ErrForeign)
	})
	t.Run("an endless answer", func(t *testing.T) {
		camp.instead(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		})
		r := startRecorder(t, camp, nil)
		if err := newPerson(t, camp).tryToBegin(r, "camp"); !errors.Is(err, sso.ErrUnavailable) {
			t.Error(err)
		}
	})
	if n := visits.Load(); n != 0 {
		t.Errorf("%d visits elsewhere", n)
	}
}

func TestAnAuthorityThatIsNotTheProviders(t *testing.T) {
	camp := startCamp(t, nil)
	r := startRecorder(t, camp, func(o *sso.Options) { o.Providers[0].Authorities = nil }) // the system's
	if err := newPerson(t, camp).tryToBegin(r, "camp"); !errors.Is(err, sso.ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
	if _, err := sso.New(sso.Options{Providers: []sso.Provider{{ID: "camp", Issuer: camp.URL, Authorities: []byte("?")}}}); err == nil || !strings.Contains(err.Error(), "ca_file") {
		t.Error(err)
	}
}

func TestUnknownProvidersAndHosts(t *testing.T) {
	camp := startCamp(t, nil)
	r := startRecorder(t, camp, nil)
	p := newPerson(t, camp)
	for _, path := range []string{"other", "other/callback", "..%2fcamp"} {
		if err := p.tryToBegin(r, path); !errors.Is(err, sso.ErrUnknownProvider) {
			t.Errorf("%s: %v", path, err)
		}
	}
	q, err := http.NewRequest(http.MethodGet, r.URL+"/api/v1/sso/camp", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	q.Host = "attacker.example"
	res, err := p.client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := r.last(); !errors.Is(err, sso.ErrHost) || res.Header.Get("Location") != "" || len(res.Cookies()) > 0 {
		t.Errorf("%v, %v", err, res.Header)
	}
}
