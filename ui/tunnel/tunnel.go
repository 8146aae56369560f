package tunnel

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/cookiejar"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stockade-nvr/stockade/internal/pinned"
)

// Opening says where a tunnel leads, whose it is, and until when.
type Opening struct {
	Device string
	Peer   pinned.Peer
	Port   uint16
	TLS    bool // the device speaks HTTPS there
	// Username and Password answer the device's challenge, Basic or Digest. They are
	// sent to the peer alone and shown to nobody.
	Username, Password string

	For    time.Duration // at most MaxTime
	Reason string
	By     string // who opened it, for people
	Owner  string // the session that may enter

	Origin string // of the tunnel, as the browser has it: https://nvr.camp.example:8443
	Page   string // origin of the page that shows it in a frame

	// Changed is told of requests that change something: the first one, and each
	// upload. It and Ended are called from any goroutine.
	Changed func(Change)
	Ended   func(Account)
	// Used is told, now and then, that a person is at work in the tunnel: that it is
	// navigated by hand, or that something is on its way to the device. Nil is nobody.
	Used func()
}

// Change is a request to the device that is not a mere question. Not every camera
// keeps to that: some change settings by GET.
type Change struct {
	Method, Path string
	Bytes        int64  // of the body; 0 when it is told at its beginning
	SHA256       string // of the body, if it is an upload
}

// End says why a tunnel was closed.
type End string

// The reasons.
const (
	EndClosed    End = "closed by hand"
	EndTime      End = "its time was up"
	EndSession   End = "the session or the role ended"
	EndUnpinned  End = "the device is no longer pinned there"
	EndContained End = "containment is not enforced"
	EndRecorder  End = "the recorder or its listener ended"
)

// View is a tunnel as lists show it.
type View struct {
	ID          string
	Device      string
	Address     netip.AddrPort
	TLS         bool
	Fingerprint string // SHA-256 of the device's certificate, which nobody vouches for; empty without TLS
	Reason      string
	By, Owner   string
	Opened      time.Time
	Expires     time.Time
	Requests    uint64
	Changes     uint64 // requests that are not mere questions
	ToDevice    uint64 // bytes of bodies
	FromDevice  uint64
}

// Account is what there was of a tunnel when it ended.
type Account struct {
	View
	Why End
}

// tunnel is an open one.
type tunnel struct {
	opening Opening
	id      string
	target  *url.URL // scheme and host of the device
	opened  time.Time
	expires time.Time
	cookie  secret      // guarded by Tunnels.mu
	timer   *time.Timer // set when it is open

	ctx   context.Context //nolint:containedctx // it is what requests on their way end with
	end   context.CancelFunc
	proxy *httputil.ReverseProxy
	jar   *cookiejar.Jar // what the device set
	texts chan struct{}  // a place for each long text that is in memory

	silent time.Duration // browserSilent

	requests, changes, up, down atomic.Uint64

	mu          sync.Mutex // guards what follows
	fingerprint string
	uploads     int // told of
	cookiesSet  int
	cookieBytes int
}

func newTunnel(o Opening, opt Options, silent time.Duration) *tunnel {
	t := &tunnel{
		opening: o, id: rand.Text(), opened: opt.Now(), target: targetOf(o),
		texts: make(chan struct{}, maxTexts), silent: silent,
	}
	t.expires = t.opened.Add(o.For)
	t.ctx, t.end = context.WithCancel(context.Background())
	t.jar = newJar()
	transport := t.transport()
	context.AfterFunc(t.ctx, transport.CloseIdleConnections)
	t.proxy = t.reverse(&signer{next: transport, username: o.Username, password: o.Password}, opt)
	return t
}

// targetOf gives the device's origin as it writes it itself: without the port
// that goes without saying.
func targetOf(o Opening) *url.URL {
	u := &url.URL{Scheme: "http", Host: netip.AddrPortFrom(o.Peer.Address, o.Port).String()}
	if o.TLS {
		u.Scheme = "https"
	}
	if o.Port == usualPort(o.TLS) {
		u.Host = o.Peer.Address.String()
	}
	return u
}

func usualPort(secure bool) uint16 {
	if secure {
		return 443
	}
	return 80
}

func newJar() *cookiejar.Jar {
	jar, err := cookiejar.New(nil)
	if err != nil { // without options it never fails
		panic("tunnel: " + err.Error())
	}
	return jar
}

// view may be called at any time.
func (t *tunnel) view() View {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := &t.opening
	return View{
		ID: t.id, Device: o.Device, Address: netip.AddrPortFrom(o.Peer.Address, o.Port), TLS: o.TLS, Fingerprint: t.fingerprint,
		Reason: o.Reason, By: o.By, Owner: o.Owner, Opened: t.opened, Expires: t.expires,
		Requests: t.requests.Load(), Changes: t.changes.Load(), ToDevice: t.up.Load(), FromDevice: t.down.Load(),
	}
}

// changing notes a request that changes something.
func (t *tunnel) changing(r *http.Request) {
	if t.changes.Add(1) == 1 {
		t.opening.Changed(Change{Method: r.Method, Path: pathOf(r)})
	}
}

// pathOf is a request's path as the audit may keep it: some firmware has
// passwords in the query.
func pathOf(r *http.Request) string {
	const most = 200
	p := r.URL.EscapedPath()
	if len(p) > most {
		p = p[:most] + "… (" + strconv.Itoa(len(p)) + " bytes)"
	}
	return p
}
