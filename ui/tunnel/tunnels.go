package tunnel

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of what is open at once, and for how long.
const (
	MaxOpen    = 8
	MaxTime    = 2 * time.Hour
	ticketLife = time.Minute
)

// Options say how tunnels are served.
type Options struct {
	Log *slog.Logger     // default: none
	Now func() time.Time // default: time.Now
	// Sessions are names of cookies that a frame which is kept apart never sends.
	Sessions []string
}

// Tunnels are the open tunnels. It is made by New and served by Serve.
type Tunnels struct {
	opt    Options
	silent time.Duration // browserSilent

	mu      sync.Mutex // guards what follows
	open    map[string]*tunnel
	cookies map[secret]*tunnel // by the hash of their cookie
	tickets map[secret]ticket
	serving bool
	gone    sync.WaitGroup // of tunnels that are being closed
}

// secret is the hash of what lets somebody in.
type secret [sha256.Size]byte

func hashed(text string) secret { return sha256.Sum256([]byte(text)) }

// ticket turns into the cookie of a tunnel, once.
type ticket struct {
	tunnel *tunnel
	until  time.Time
}

// Errors of opening and entering.
var (
	ErrNotServed = errors.New("no listener serves tunnels")
	ErrTooMany   = errors.New("too many tunnels are open")
	ErrNoTunnel  = errors.New("there is no such tunnel")
)

// New makes an empty set.
func New(o Options) *Tunnels {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Tunnels{opt: o, silent: browserSilent, open: map[string]*tunnel{}, cookies: map[secret]*tunnel{}, tickets: map[secret]ticket{}}
}

// Open opens a tunnel once its device has answered a connection, which ctx
// bounds. Opening.Ended is called exactly once if there is no error.
func (ts *Tunnels) Open(ctx context.Context, o Opening) (View, error) {
	t := newTunnel(o, ts.opt, ts.silent)
	if err := t.try(ctx); err != nil {
		t.end()
		return View{}, err
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	switch {
	case !ts.serving:
		t.end()
		return View{}, ErrNotServed
	case len(ts.open) >= MaxOpen:
		t.end()
		return View{}, ErrTooMany
	}
	ts.open[t.id] = t
	t.timer = time.AfterFunc(o.For, func() { _, _ = ts.Close(t.id, EndTime) }) // else it was closed before
	return t.view(), nil
}

// Entrance gives the address that lets the owner's frame in, once and soon.
func (ts *Tunnels) Entrance(id, owner string) (string, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.open[id]
	if t == nil || t.opening.Owner != owner {
		return "", fmt.Errorf("enter %.40q: %w", id, ErrNoTunnel)
	}
	now := ts.opt.Now()
	for k, v := range ts.tickets { // one at a time: an older one of the tunnel is void
		if v.tunnel == t || now.After(v.until) {
			delete(ts.tickets, k)
		}
	}
	text := rand.Text()
	ts.tickets[hashed(text)] = ticket{t, now.Add(ticketLife)}
	return t.opening.Origin + enterPath + "?ticket=" + text, nil
}

// redeem takes a ticket and gives the cookie for it.
func (ts *Tunnels) redeem(text string) (t *tunnel, cookie string, ok bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	k, ok := ts.tickets[hashed(text)]
	if !ok || ts.opt.Now().After(k.until) {
		return nil, "", false
	}
	delete(ts.tickets, hashed(text))
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	cookie = base64.RawURLEncoding.EncodeToString(raw)
	delete(ts.cookies, k.tunnel.cookie) // one frame at a time
	k.tunnel.cookie = hashed(cookie)
	ts.cookies[k.tunnel.cookie] = k.tunnel
	return k.tunnel, cookie, true
}

// find gives the tunnel of a request by its cookie; nil when there is none.
func (ts *Tunnels) find(r *http.Request) *tunnel {
	for _, c := range r.CookiesNamed(cookieName(r)) {
		ts.mu.Lock()
		t := ts.cookies[hashed(c.Value)]
		ts.mu.Unlock()
		if t != nil {
			return t
		}
	}
	return nil
}

// Close ends a tunnel, and what is on its way through it, before it returns. It
// gives what there was of it, as Opening.Ended is told.
func (ts *Tunnels) Close(id string, why End) (Account, error) {
	ts.mu.Lock()
	t := ts.open[id]
	if t == nil {
		ts.mu.Unlock()
		return Account{}, fmt.Errorf("close %.40q: %w", id, ErrNoTunnel)
	}
	delete(ts.open, id)
	delete(ts.cookies, t.cookie)
	for k, v := range ts.tickets {
		if v.tunnel == t {
			delete(ts.tickets, k)
		}
	}
	ts.gone.Add(1)
	ts.mu.Unlock()
	defer ts.gone.Done()
	t.timer.Stop()
	t.end()
	a := Account{View: t.view(), Why: why}
	t.opening.Ended(a)
	return a, nil
}

// closeAll ends all tunnels; none is opened until it is served again.
func (ts *Tunnels) closeAll() {
	ts.mu.Lock()
	ts.serving = false
	ids := make([]string, 0, len(ts.open))
	for id := range ts.open {
		ids = append(ids, id)
	}
	ts.mu.Unlock()
	for _, id := range ids {
		_, _ = ts.Close(id, EndRecorder) // else it was closed meanwhile
	}
	ts.gone.Wait()
}

// List gives the open tunnels, the oldest first.
func (ts *Tunnels) List() []View {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	all := make([]View, 0, len(ts.open))
	for _, t := range ts.open {
		all = append(all, t.view())
	}
	slices.SortFunc(all, func(a, b View) int {
		if c := a.Opened.Compare(b.Opened); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// Served reports whether a listener serves tunnels now.
func (ts *Tunnels) Served() bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.serving
}
