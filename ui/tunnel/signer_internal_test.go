package tunnel

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// TestDigestAsTheStandardHasIt: the examples of RFC 7616, 3.9.1.
func TestDigestAsTheStandardHasIt(t *testing.T) {
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		c := readChallenges([]string{`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=` + algorithm +
			`, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`})
		a := asked{challenge: c[0], count: 1}
		got := a.digest("Mufasa", "Circle of Life", "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
		if !strings.Contains(got, `response="`+want+`"`) || !strings.Contains(got, "nc=00000001") {
			t.Error(algorithm, got)
		}
	}
}

func TestReadChallenges(t *testing.T) {
	for name, c := range map[string]struct {
		headers []string
		want    string // scheme and realm of each
		best    string
	}{
		"basic":                {[]string{`Basic realm="cam"`}, "basic:cam", "basic"},
		"two in one header":    {[]string{`Basic realm="a, b", Digest realm="c", nonce="n", qop="auth"`}, "basic:a, b digest:c", "digest"},
		"two headers":          {[]string{`Digest realm=x,nonce=n`, `Basic realm="y"`}, "digest:x basic:y", "digest"},
		"quotes escaped":       {[]string{`Basic realm="a\"b"`}, `basic:a"b`, "basic"},
		"unknown":              {[]string{`Negotiate`, `Bearer realm="z"`}, "negotiate: bearer:z", ""},
		"only auth-int":        {[]string{`Digest realm="c", nonce="n", qop="auth-int"`}, "digest:c", ""},
		"unknown algorithm":    {[]string{`Digest realm="c", nonce="n", algorithm=SHA-512-256`}, "digest:c", ""},
		"without a nonce":      {[]string{`Digest realm="c"`}, "digest:c", ""},
		"unclosed quote":       {[]string{`Digest realm="c`}, "digest:c", ""},
		"nothing":              {[]string{"", " , ", "=", `"`}, "", ""},
		"a longer list than 8": {[]string{strings.Repeat("Basic realm=x, ", 50)}, strings.TrimSuffix(strings.Repeat("basic:x ", 8), " "), "basic"},
	} {
		t.Run(name, func(t *testing.T) {
			all := readChallenges(c.headers)
			var got []string
			for _, one := range all {
				got = append(got, one.scheme+":"+one.params["realm"])
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("read %q, want %q", s, c.want)
			}
			best := ""
			if b := bestOf(all); b != nil {
				best = b.scheme
			}
			if best != c.best {
				t.Errorf("chose %q, want %q", best, c.best)
			}
		})
	}
}

func FuzzReadChallenges(f *testing.F) {
	f.Add(`Basic realm="a, b", Digest realm="c", nonce="n", qop="auth"`)
	f.Add(`Digest realm="\"`)
	f.Add("=,=\"")
	f.Fuzz(func(t *testing.T, header string) {
		all := readChallenges([]string{header})
		if len(all) > maxChallenges {
			t.Fatal(len(all))
		}
		for i := range all {
			a := asked{challenge: all[i], count: 1}
			if bestOf(all[i:i+1]) == nil || a.scheme != "digest" {
				continue
			}
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			r.Header.Set("Authorization", a.digest("u", "p", "GET", "/", "c"))
			if strings.ContainsAny(r.Header.Get("Authorization"), "\r\n\x00") {
				t.Fatalf("%q", r.Header)
			}
		}
	})
}

// tripper answers from a script, and notes what it was asked with.
type tripper struct {
	answers []string // the challenge of each answer; "" lets in
	sent    []string
	bodies  []string
}

func (s *tripper) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(b)
	}
	s.bodies = append(s.bodies, body)
	s.sent = append(s.sent, r.Header.Get("Authorization"))
	if len(s.answers) == 0 {
		return nil, errors.New("asked too often")
	}
	res := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}
	if a := s.answers[0]; a != "" {
		res.StatusCode = http.StatusUnauthorized
		res.Header.Set("WWW-Authenticate", a)
	}
	s.answers = s.answers[1:]
	return res, nil
}

func TestSignerAnswersOnceAndNeverLocksAnAccount(t *testing.T) {
	digest := func(nonce, more string) string { return `Digest realm="cam", qop="auth", nonce="` + nonce + `"` + more }
	for name, c := range map[string]struct {
		answers []string
		body    string
		asks    int      // requests of the browser
		want    []string // statuses
		signed  int      // requests with credentials
	}{
		"open device":             {[]string{"", ""}, "", 2, []string{"200", "200"}, 0},
		"challenged once":         {[]string{digest("1", ""), "", ""}, "", 2, []string{"200", "200"}, 2},
		"with a body":             {[]string{digest("1", ""), ""}, "setting=1", 1, []string{"200"}, 1},
		"wrong password":          {[]string{digest("1", ""), digest("2", ""), digest("3", "")}, "", 2, []string{"401", "401"}, 1},
		"wrong password of Basic": {[]string{`Basic realm="x"`, `Basic realm="x"`, `Basic realm="x"`}, "", 2, []string{"401", "401"}, 1},
		"nonces of one use":       {[]string{digest("1", ""), "", digest("2", ", stale=true"), ""}, "", 2, []string{"200", "200"}, 3},
		"same nonce refused":      {[]string{digest("1", ""), "", digest("1", ""), ""}, "", 3, []string{"200", "401", "200"}, 2},
		"what nobody can answer":  {[]string{`Negotiate`}, "", 1, []string{"401"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			next := &tripper{answers: slices.Clone(c.answers)}
			s := &signer{next: next, username: "viewer", password: "sesame"}
			for i := range c.asks {
				r := httptest.NewRequest(http.MethodGet, "http://10.20.1.11/a", http.NoBody)
				if c.body != "" {
					r = httptest.NewRequest(http.MethodPost, "http://10.20.1.11/a", strings.NewReader(c.body))
				}
				res, err := s.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				if got := http.StatusText(res.StatusCode); got != map[string]string{"200": "OK", "401": "Unauthorized"}[c.want[i]] {
					t.Errorf("answer %d: %s, want %s", i, got, c.want[i])
				}
			}
			signed := 0
			for i, a := range next.sent {
				if a != "" {
					signed++
				}
				if strings.Contains(a, "sesame") {
					t.Error("the password is sent:", a)
				}
				if next.bodies[i] != c.body {
					t.Errorf("body %d is %q", i, next.bodies[i])
				}
			}
			if signed != c.signed {
				t.Errorf("%d requests signed, want %d: %q", signed, c.signed, next.sent)
			}
		})
	}
}
