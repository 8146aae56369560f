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
