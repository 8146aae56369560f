package tunnel

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/stockade-nvr/stockade/internal/challenge"
)

// maxReplay is how long a body may be that is sent again after a challenge; a
// longer one, such as firmware, comes after pages that have brought the challenge.
const maxReplay = 1 << 20

// signer answers a device's challenge with the account that the tunnel has, so
// that nobody need know its password. Requests that a script has signed itself
// pass as they are. Once the account was refused it is not tried again: devices
// lock accounts.
type signer struct {
	next               http.RoundTripper
	username, password string

	mu      sync.Mutex // guards what follows, and what known points at
	known   *asked     // that requests are signed for
	refused bool
}

// asked is a challenge that is being answered.
type asked struct {
	challenge.Challenge
	count uint32 // requests signed for it
}

// RoundTrip signs a request if the device has asked for it, and once more if it
// asks anew: then for the very challenge that it was answered with.
func (s *signer) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.username == "" && s.password == "" || r.Header.Get("Authorization") != "" {
		return s.next.RoundTrip(r)
	}
	again, err := replayable(r)
	if err != nil {
		return nil, err
	}
	used := s.sign(r, nil)
	res, err := s.next.RoundTrip(r)
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		return res, err
	}
	fresh := s.learn(res, used)
	if fresh == nil || !again {
		return res, nil
	}
	_, _ = io.CopyN(io.Discard, res.Body, maxReplay) // so that the connection is used again
	_ = res.Body.Close()                             // it was read
	second := r.Clone(r.Context())
	if r.GetBody != nil {
		if second.Body, err = r.GetBody(); err != nil {
			return nil, fmt.Errorf("send the request again: %w", err)
		}
	}
	s.sign(second, fresh)
	res, err = s.next.RoundTrip(second)
	if err == nil && res.StatusCode == http.StatusUnauthorized {
		s.mu.Lock()
		s.refused = true
		s.mu.Unlock()
	}
	return res, err
}

// replayable has a request's body ready to be sent twice, if it is short.
func replayable(r *http.Request) (bool, error) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return true, nil
	}
	if r.ContentLength < 0 || r.ContentLength > maxReplay {
		return false, nil
	}
	all, err := io.ReadAll(io.LimitReader(r.Body, maxReplay))
	if err != nil {
		return false, fmt.Errorf("read the request: %w", err)
	}
	_ = r.Body.Close() // it was read
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(all)), nil }
	r.Body, err = r.GetBody()
	return true, err
}

// learn takes the best challenge of an answer; nil when it is none that is worth
// answering. used is what the request was signed for.
func (s *signer) learn(res *http.Response, used *asked) *asked {
	best := challenge.Best(challenge.Read(res.Header.Values("Www-Authenticate")))
	s.mu.Lock()
	defer s.mu.Unlock()
	if best == nil || s.refused {
		return nil
	}
	if used != nil && used.Scheme == best.Scheme && used.Params["nonce"] == best.Params["nonce"] {
		s.refused = true // it was answered, and that was not taken
		return nil
	}
	s.known = &asked{Challenge: *best}
	return s.known
}

// sign answers a challenge, or the one that is known; it gives which.
func (s *signer) sign(r *http.Request, to *asked) *asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to == nil {
		to = s.known
	}
	if to == nil || s.refused {
		return nil
	}
	to.count++
	if to.Scheme == "basic" {
		r.SetBasicAuth(s.username, s.password)
	} else {
		r.Header.Set("Authorization", to.Digest(s.username, s.password, r.Method, r.URL.RequestURI(), rand.Text(), to.count))
	}
	return to
}
