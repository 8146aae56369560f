package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// reverse makes the proxy of one tunnel.
func (t *tunnel) reverse(next http.RoundTripper, opt Options) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = t.target.Scheme, t.target.Host, ""
			p.Out.URL.RawQuery = p.In.URL.RawQuery // old firmware has semicolons in it
			t.ask(p.Out, p.In)
		},
		Transport:      untrailed{next},
		ModifyResponse: t.answer,
		ErrorHandler:   t.unanswered,
		ErrorLog:       slog.NewLogLogger(opt.Log.Handler(), slog.LevelDebug),
		FlushInterval:  -1, // pictures and progress come as they come
	}
}

// serve passes one request on. It ends when the tunnel does.
func (t *tunnel) serve(w http.ResponseWriter, r *http.Request) {
	t.requests.Add(1)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	if dest := r.Header.Get("Sec-Fetch-Dest"); dest == "iframe" || dest == "frame" {
		ctx = context.WithValue(ctx, navigates{}, true)
	}
	r = r.WithContext(ctx)
	control := http.NewResponseController(w)
	body := &counted{ReadCloser: r.Body, control: control, silent: t.silent, n: &t.up}
	r.Body = body
	switch {
	case !asks(r):
		defer t.working()()
		t.changing(r)
		body.sum()
		defer t.uploaded(r, body)
	case r.Header.Get("Sec-Fetch-User") != "": // a browser says so, and no script can
		t.used()
	}
	t.proxy.ServeHTTP(&measured{ResponseWriter: w, control: control, silent: t.silent, n: &t.down, policy: t.policy()}, r)
}

// workEvery is how often it is told that something is on its way.
const workEvery = 30 * time.Second

// working tells that somebody is at work until the function that it gives is called:
// a session that ended for idleness would cut firmware off half way.
func (t *tunnel) working() (done func()) {
	t.used()
	ctx, done := context.WithCancel(t.ctx)
	go func() {
		every := time.NewTicker(workEvery)
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
				t.used()
			}
		}
	}()
	return done
}

func (t *tunnel) used() {
	if t.opening.Used != nil {
		t.opening.Used()
	}
}

// asks reports whether a request is a mere question, as far as its method tells.
func asks(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
}

// answer makes the device's answer one that a browser may have.
func (t *tunnel) answer(res *http.Response) error {
	t.keep(res)
	location, refresh := res.Header.Get("Location"), res.Header.Get("Refresh")
	pass(res.Header)
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols:
		return nil
	case res.StatusCode == http.StatusUnauthorized && showsPage(res.Request):
		return t.text(res, http.StatusUnauthorized, "The device asks for a name and a password"+t.refusedAccount()+".\nOpen the tunnel with an account of the device that may do what you want to do; the one of the site file may be for watching only.")
	case location != "":
		to, ok := t.lead(res.Request.URL, location)
		if !ok {
			return t.text(res, http.StatusBadGateway, "The device sends you to another address, which a tunnel does not lead to:\n\n    "+printable(location)+"\n\nNothing was loaded from there."+t.hint(location))
		}
		res.Header.Set("Location", to)
	case refresh != "":
		if to, ok := t.refresh(res.Request.URL, refresh); ok {
			res.Header.Set("Refresh", to)
		}
	}
	return t.correctBody(res)
}

// showsPage reports whether an answer would be shown, and not read by a script.
func showsPage(r *http.Request) bool { return r.Context().Value(navigates{}) != nil }

// navigates is the key of what marks a request whose answer a frame shows.
type navigates struct{}

func (t *tunnel) refusedAccount() string {
	if t.opening.Username == "" {
		return ", and the tunnel has none"
	}
	return ", and it does not take those that the tunnel has"
}

// hint tells which tunnel would lead where a device sends people.
func (t *tunnel) hint(location string) string {
	if !t.opening.TLS && strings.HasPrefix(location, "https://"+t.opening.Peer.Address.String()) {
		return " It speaks HTTPS: open a tunnel with HTTPS."
	}
	return ""
}

// printable bounds what a camera says, and takes what is not text away.
func printable(s string) string {
	const most = 500
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return '?'
		}
		return r
	}, s)
}

// text replaces an answer by one of ours.
func (t *tunnel) text(res *http.Response, status int, text string) error {
	_ = res.Body.Close() // nobody reads it
	res.Body = io.NopCloser(strings.NewReader(text + "\n"))
	res.ContentLength = int64(len(text) + 1)
	res.StatusCode, res.Status = status, ""
	res.Header = http.Header{
		"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"},
		"Content-Length": {strconv.Itoa(len(text) + 1)},
	}
	return nil
}

// Bounds of texts in which links are corrected, in bytes. What a page asks for and
// does not take is kept here meanwhile: of long ones a few at once, others wait.
const (
	shortText    = 64 << 10
	maxText      = 4 << 20
	maxCorrected = 2 * maxText
	maxTexts     = 4 // of a tunnel
)

// texts are the media types in which they are.
var texts = map[string]bool{
	"text/html": true, "application/xhtml+xml": true, "text/css": true, "text/xml": true, "application/xml": true, "application/json": true,
	"text/javascript": true, "application/javascript": true, "application/x-javascript": true,
}

// correctBody has links to the device's own address lead to the tunnel.
func (t *tunnel) correctBody(res *http.Response) error {
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || !texts[kind] || res.Header.Get("Content-Encoding") != "" || res.Header.Get("Content-Range") != "" ||
		res.ContentLength > maxText || res.Body == nil || res.Request.Method == http.MethodHead {
		return nil //nolint:nilerr // what is no text passes as it is
	}
	begun, err := io.ReadAll(io.LimitReader(res.Body, shortText+1))
	if err == nil && len(begun) > shortText {
		if err = t.long(res); err == nil {
			begun, err = readOn(begun, res.Body)
		}
	}
	if err != nil {
		return fmt.Errorf("read the device's page: %w", err)
	}
	whole := res.Body
	if len(begun) > maxText {
		res.Body = rebuilt{io.MultiReader(bytes.NewReader(begun), whole), whole}
		return nil
	}
	begun = t.correct(begun)
	res.Body, res.ContentLength = rebuilt{bytes.NewReader(begun), whole}, int64(len(begun))
	res.Header.Set("Content-Length", strconv.Itoa(len(begun)))
	return nil
}

// rebuilt is a body that is read from elsewhere.
type rebuilt struct {
	io.Reader
	io.Closer
}

// readOn reads what follows the begin of a text, and one byte more than maxText.
func readOn(begun []byte, body io.Reader) ([]byte, error) {
	b := bytes.NewBuffer(begun)
	_, err := b.ReadFrom(io.LimitReader(body, int64(maxText+1-len(begun))))
	return b.Bytes(), err
}

// long waits for the place of a long text, which is free again when its body is closed.
func (t *tunnel) long(res *http.Response) error {
	select {
	case t.texts <- struct{}{}:
		body := res.Body
		res.Body = rebuilt{body, closer(sync.OnceValue(func() error { <-t.texts; return body.Close() }))}
		return nil
	case <-res.Request.Context().Done():
		return res.Request.Context().Err()
	}
}

type closer func() error

// Close calls it.
func (c closer) Close() error { return c() }

// untrailed gives answers without what follows their bodies: the transport adds
// that to an answer of its own when a body was read, and the proxy would pass it on.
type untrailed struct{ next http.RoundTripper }

// RoundTrip gives a copy of the answer.
func (u untrailed) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := u.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	own := *res
	own.Trailer = nil
	return &own, nil
}

// unanswered says why there is no answer.
func (t *tunnel) unanswered(w http.ResponseWriter, _ *http.Request, err error) {
	at := t.view().Address
	switch {
	case t.ctx.Err() != nil:
		say(w, http.StatusForbidden, "This tunnel was closed.")
	case errors.Is(err, context.Canceled): // the browser went away
	case errors.Is(err, errCertificate):
		say(w, http.StatusBadGateway, "The device at "+at.String()+" shows another certificate than before. Close the tunnel, find out why, and open it anew.")
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		say(w, http.StatusBadGateway, "The recorder's own firewall refuses the connection to "+at.String()+": check that the device is listed in the site file.")
	default:
		say(w, http.StatusBadGateway, "The device at "+at.String()+" does not answer: "+printable(err.Error()))
	}
}
