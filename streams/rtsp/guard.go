package rtsp

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/headers"
)

// guard looks at every answer of the camera before gortsplib acts on it (C13).
// gortsplib follows redirects, sends UDP to whatever source= names, and resolves
// it when it is a name: the guard turns such an answer into a refusal and keeps why.
// Its methods run in gortsplib's goroutine.
type guard struct {
	config   *Config
	hostname string // of the configured URL

	mu        sync.Mutex // guards what follows
	verdict   error      // what a spoilt answer was spoilt for
	redirects int
	body      []byte   // of the DESCRIBE answer, as gortsplib reads it
	left      []string // media that it does not contain any more
}

// statusRefused replaces the status of an answer that must not be acted on.
const statusRefused base.StatusCode = 499

// sessionTimeoutLimit is the longest session timeout believed, in seconds: a
// larger one overflows gortsplib's timer, which then never rests.
const sessionTimeoutLimit = 3600

func (g *guard) response(res *base.Response) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.boundTimeout(res)
	var err error
	switch {
	case res.StatusCode >= 300 && res.StatusCode < 400:
		err = g.redirect(res)
	case res.StatusCode == base.StatusOK && res.Header["Transport"] != nil:
		err = g.transport(res)
	case res.StatusCode == base.StatusOK && len(res.Body) > 0:
		g.body, g.left = repairSDP(res.Body)
		res.Body = g.body
	}
	if err != nil {
		g.verdict = err
		res.StatusCode, res.StatusMessage = statusRefused, "refused by the recorder"
		delete(res.Header, "Location")
	}
}

// refused gives why an answer was spoilt, or err if none was.
func (g *guard) refused(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.verdict != nil {
		return g.verdict
	}
	return err
}

func (g *guard) description() (body []byte, left []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.body, g.left
}

func (g *guard) redirect(res *base.Response) error {
	if len(res.Header["Location"]) != 1 {
		return nil // gortsplib refuses it
	}
	location := res.Header["Location"][0]
	u, err := base.ParseURL(location)
	if err != nil {
		return g.foreign("redirected to %.200q", location)
	}
	if u.Scheme != "rtsp" || !g.config.ours(u.Hostname(), g.hostname) {
		return g.foreign("redirected to %.200q", withoutCredentials(u))
	}
	if g.redirects++; g.redirects > maxRedirects {
		return find(KindProtocol, "check the stream's path", "redirected more than %d times, last to %.200q", maxRedirects, withoutCredentials(u))
	}
	return nil
}

func withoutCredentials(u *base.URL) string { return u.CloneWithoutCredentials().String() }

func (g *guard) foreign(format string, args ...any) error {
	return find(KindForeign, fmt.Sprintf("only its own address %s is spoken to: correct the camera's settings, and find out who changed them", g.config.Pinned), format, args...)
}

// foreignURL refuses a URL of an SDP. It may hold the camera's own name, which
// we do not know and do not ask anybody for.
func (g *guard) foreignURL(what string, u *base.URL) error {
	if _, err := netip.ParseAddr(u.Hostname()); err != nil {
		return find(KindForeign, fmt.Sprintf("if %.100q is the camera's own name, write it as the host of the stream's url", u.Hostname()),
			"gave the %s %.200q", what, withoutCredentials(u))
	}
	return g.foreign("gave the %s %.200q", what, withoutCredentials(u))
}

// transport checks source= (RFC 2326 section 12.39) and lets no host through
// to gortsplib, which would send to it, or resolve it when it is a name.
func (g *guard) transport(res *base.Response) error {
	value := res.Header["Transport"]
	if len(value) != 1 {
		return nil // gortsplib refuses it
	}
	kept, source, err := readTransport(value[0])
	if err != nil {
		return find(KindProtocol, "", "%w", err)
	}
	if source != "" {
		ip, err := netip.ParseAddr(source)
		if err != nil {
			return g.foreign("answered SETUP with source=%.80q, which is no address", source)
		}
		if ip = ip.Unmap().WithZone(""); !ip.IsUnspecified() && ip != g.config.Pinned.WithZone("") {
			return g.foreign("answered SETUP with source=%s", ip)
		}
	}
	res.Header["Transport"] = base.HeaderValue{kept}
	return nil
}

// readTransport gives what source= said, and a Transport header made anew of the
// parts that gortsplib needs: it splits quoted values differently, so that a part
// that we would only take out could be read back in. Numbers out of range are errors.
func readTransport(value string) (kept, source string, err error) {
	var out []string
	for part := range strings.SplitSeq(value, ";") {
		key, v, _ := strings.Cut(part, "=")
		key, v = strings.TrimSpace(key), strings.TrimSpace(v)
		switch name := strings.ToLower(key); name {
		case "source":
			source = strings.Trim(v, `"[]`)
		case "unicast", "multicast":
			out = append(out, name)
		case "rtp/avp", "rtp/avp/udp", "rtp/avp/tcp":
			out = append(out, strings.ToUpper(name))
		case "interleaved", "server_port":
			limit := uint64(255)
			if name == "server_port" {
				limit = 65535
			}
			if err := inRange(v, limit); err != nil {
				return "", "", fmt.Errorf("answered SETUP with %.80q: %w", part, err)
			}
			out = append(out, name+"="+v)
		}
	}
	return strings.Join(out, ";"), source, nil
}

func inRange(v string, limit uint64) error {
	for n := range strings.SplitSeq(v, "-") {
		if u, err := strconv.ParseUint(n, 10, 64); err != nil || u > limit {
			return fmt.Errorf("%.40q is not within 0 and %d", n, limit)
		}
	}
	return nil
}

func (g *guard) boundTimeout(res *base.Response) {
	v, ok := res.Header["Session"]
	if !ok {
		return
	}
	var s headers.Session
	if s.Unmarshal(v) == nil && s.Timeout != nil && *s.Timeout > sessionTimeoutLimit {
		limit := uint(sessionTimeoutLimit)
		s.Timeout = &limit
		res.Header["Session"] = s.Marshal()
	}
}

// urls checks the URLs of an SDP before anything is set up. gortsplib gives a
// nil URL for a control that does not parse, and would then fall over it.
func (g *guard) urls(desc *description.Session, wanted []offered, contentBase base.HeaderValue) error {
	for _, cb := range contentBase {
		if u, err := base.ParseURL(cb); err == nil && !g.config.ours(u.Hostname(), g.hostname) {
			return g.foreignURL("Content-Base", u)
		}
	}
	if !g.config.ours(desc.BaseURL.Hostname(), g.hostname) {
		return g.foreignURL("control URL", desc.BaseURL)
	}
	for _, o := range wanted {
		c := o.media.Control
		if strings.Contains(c, "://") {
			u, err := base.ParseURL(c)
			if err != nil {
				return g.foreign("gave the control URL %.200q", c)
			}
			if !g.config.ours(u.Hostname(), g.hostname) {
				return g.foreignURL("control URL", u)
			}
		}
		u, err := o.media.URL(desc.BaseURL)
		if err != nil || u == nil {
			return find(KindProtocol, "", "gave the control attribute %.200q, which makes no URL", c)
		}
	}
	return nil
}
