package onvif

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/internal/challenge"
)

// way is how requests are signed.
type way uint8

const (
	unsigned way = iota
	byDigest     // HTTP Digest
	byToken      // WS-UsernameToken
)

// client speaks to one device, one request at a time.
type client struct {
	o         Options
	transport *http.Transport
	offset    time.Duration // of the device's clock

	way     way
	known   *challenge.Challenge
	count   uint32 // requests signed for known
	refused bool   // each way that there is was tried once, or the account was denied too often
	denied  int    // questions that the account was taken for before, and not then
}

// newClient makes a client whose sockets know the pinned address only. Its
// transport is used by itself: what follows redirects and keeps cookies is not there.
func newClient(o Options) *client {
	return &client{o: o, transport: &http.Transport{
		DialContext:            o.Peer.DialContext,
		DisableKeepAlives:      true, // a request over a connection that the device closed is not sent again
		DisableCompression:     true, // an answer is as long as it looks
		MaxResponseHeaderBytes: 32 << 10,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, // no authority vouches for an address on a camera network, and no secret is sent
			MinVersion:         tls.VersionTLS10,
		},
	}}
}

// answered is an answer over HTTP.
type answered struct {
	status     int
	challenges []challenge.Challenge
	body       *element // of the envelope; nil where there is none
	why        error    // there is none
}

// send asks once. The error is one of the way there; what the device answered, if
// it is no SOAP, is in answered.why.
func (c *client) send(ctx context.Context, at place, q question, signed way) (*answered, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Patience)
	defer cancel()
	header := ""
	if signed == byToken {
		header = usernameToken(c.o.Username, c.o.Password, c.o.Now().Add(c.offset))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.url(c.o.Peer.Address), strings.NewReader(q.envelope(header)))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", q.name, err)
	}
	r.Header.Set("Content-Type", `application/soap+xml; charset=utf-8; action="`+q.action()+`"`)
	if signed == byDigest {
		c.count++
		r.Header.Set("Authorization", c.known.Digest(c.o.Username, c.o.Password, r.Method, r.URL.RequestURI(), rand.Text(), c.count))
	}
	res, err := c.transport.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", q.name, err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		return nil, fmt.Errorf("ask %s: %w", q.name, c.redirect(res))
	}
	a := &answered{status: res.StatusCode, challenges: challenge.Read(res.Header.Values("WWW-Authenticate"))}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer of %s: %w", q.name, err)
	case len(text) > maxAnswer:
		a.why = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	default:
		a.body, a.why = envelopeBody(text, c.o.Password)
	}
	return a, nil
}

// redirect reads where an answer sends us, which is never followed with an account.
func (c *client) redirect(res *http.Response) redirected {
	res.Header.Set("Location", without(res.Header.Get("Location"), c.o.Password))
	to, err := res.Location() // completed by what was asked
	if err != nil {
		return redirected{to: "nowhere", own: true}
	}
	at, host, own, _ := locate(to.String(), c.o.Peer.Address)
	shown, _ := safeURI(to.String())
	return redirected{shown, at, host, own}
}

// envelopeBody gives the body of an envelope.
func envelopeBody(text []byte, secret string) (*element, error) {
	root, err := parse(text, secret)
	if err != nil {
		return nil, err
	}
	if root.name != "Envelope" || root.find("Body") == nil {
		return nil, errNotONVIF
	}
	return root.find("Body"), nil
}

// ask gives the answer to a question, signed where the device wants that.
func (c *client) ask(ctx context.Context, at place, q question) (*element, error) {
	a, err := c.send(ctx, at, q, c.way)
	if err == nil && a.unauthorized() {
		a, err = c.sign(ctx, at, q, a)
	}
	if err != nil {
		return nil, err
	}
	return a.answer(q)
}

// answer gives what a question asked for.
func (a *answered) answer(q question) (*element, error) {
	if a.unauthorized() {
		return nil, errRefused
	}
	if a.body == nil {
		return nil, a.noSOAP()
	}
	if f := readFault(a.body); f != nil {
		return nil, f
	}
	if e := a.body.find(q.name + "Response"); e != nil {
		return e, nil
	}
	return nil, errNotONVIF
}

// noSOAP says what came instead of an envelope.
func (a *answered) noSOAP() error {
	if a.status != http.StatusOK {
		return fmt.Errorf("it answers with the HTTP status %d: %w", a.status, errNotONVIF)
	}
	return a.why
}

func (a *answered) unauthorized() bool {
	if a.status == http.StatusUnauthorized {
		return true
	}
	f := readFault(a.body)
	return f != nil && f.refused
}

// sign asks again with the account. Each way is tried once, and the first that is
// taken is kept; afterwards only a new nonce is a reason to sign again.
func (c *client) sign(ctx context.Context, at place, q question, a *answered) (*answered, error) {
	if c.o.Username == "" && c.o.Password == "" || c.refused {
		return a, nil
	}
	best := challenge.Best(a.challenges)
	if best != nil && best.Scheme != "digest" {
		best = nil // Basic would give the password away
	}
	switch {
	case c.way == byDigest && best != nil && best.Params["nonce"] != c.known.Params["nonce"]:
		c.known, c.count = best, 0 // its nonces end, or are good once
		again, err := c.send(ctx, at, q, byDigest)
		if err == nil && again.unauthorized() {
			c.deny()
		}
		return again, err
	case c.way != unsigned: // it took the account before, and not for this
		c.deny()
		return a, nil
	}
	var err error
	if best != nil {
		c.known, c.count = best, 0
		if a, err = c.send(ctx, at, q, byDigest); err != nil || !a.unauthorized() {
			if err == nil {
				c.way = byDigest
			}
			return a, err
		}
	}
	if a, err = c.send(ctx, at, q, byToken); err != nil {
		return nil, err
	}
	if a.unauthorized() {
		c.refused = true
	} else {
		c.way = byToken
	}
	return a, nil
}

// maxDenied is how many questions may be denied to an account that was taken
// before. An account of little rights is denied some; more looks like an attack.
const maxDenied = 5

func (c *client) deny() {
	if c.denied++; c.denied >= maxDenied {
		c.way, c.refused = unsigned, true
	}
}

// isRefused reports whether an error is for want of an account.
func isRefused(err error) bool {
	var f *fault
	return errors.Is(err, errRefused) || errors.As(err, &f) && f.refused
}
