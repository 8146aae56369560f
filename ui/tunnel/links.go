package tunnel

import (
	"bytes"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// lead gives where a link of the device leads within the tunnel; ok is false when
// it leads elsewhere. base is the address that it stands at.
func (t *tunnel) lead(base *url.URL, link string) (to string, ok bool) {
	u, err := base.Parse(link)
	if err != nil || u.Opaque != "" || !t.own(u.Scheme, u.Hostname(), u.Port()) {
		return "", false
	}
	to = t.opening.Origin + "/" + strings.TrimPrefix(u.EscapedPath(), "/")
	if u.RawQuery != "" || u.ForceQuery {
		to += "?" + u.RawQuery
	}
	if u.Fragment != "" {
		to += "#" + u.EscapedFragment()
	}
	return to, true
}

// refresh gives a Refresh header that leads within the tunnel, made anew of the
// time and the link: browsers read such a header in more ways than one.
func (t *tunnel) refresh(base *url.URL, header string) (to string, ok bool) {
	after, link, elsewhere := strings.Cut(header, ";")
	seconds, err := strconv.ParseUint(strings.TrimSpace(after), 10, 16)
	if err != nil {
		return "", false
	}
	to = strconv.FormatUint(seconds, 10)
	if !elsewhere {
		return to, true // itself, again
	}
	link = strings.TrimSpace(link)
	if name, rest, found := strings.Cut(link, "="); found && strings.EqualFold(strings.TrimSpace(name), "url") {
		link = rest
	}
	link, ok = t.lead(base, strings.Trim(link, ` '"`))
	return to + ";url=" + link, ok
}

// own reports whether scheme, host and port are those that the tunnel leads to.
func (t *tunnel) own(scheme, host, port string) bool {
	secure := scheme == "https" || scheme == "wss"
	if !secure && scheme != "http" && scheme != "ws" || secure != t.opening.TLS {
		return false
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Unmap().WithZone("") != t.opening.Peer.Address.Unmap().WithZone("") {
		return false
	}
	if port == "" {
		return t.opening.Port == usualPort(secure)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && uint16(n) == t.opening.Port
}

// correct gives a text in which the device's own address is the tunnel's: in
// http://, https://, ws:// and wss:// links, in links without a scheme, and where
// slashes are escaped as in JSON. Other addresses and ports stay as they are, and
// the policy keeps a browser from loading them. So do links behind which the text
// would be longer than maxCorrected.
func (t *tunnel) correct(text []byte) []byte {
	host := []byte(t.opening.Peer.Address.String()) // IPv4: a camera network has nothing else
	var out []byte
	done := 0
	for at := 0; ; {
		i := bytes.Index(text[at:], host)
		if i < 0 || len(out) > maxCorrected {
			break
		}
		begin := at + i
		at = begin + len(host)
		start, slashes, scheme := schemeBefore(text, begin)
		port, end := portAfter(text, at)
		if start < 0 || start < done || !endsHost(text, end) {
			continue
		}
		as := scheme
		if as == "" {
			as = t.target.Scheme
		}
		if !t.own(strings.ToLower(as), string(host), port) {
			continue
		}
		out = append(append(out, text[done:start]...), t.linkTo(scheme, slashes)...)
		done, at = end, end
	}
	if done == 0 {
		return text
	}
	return append(out, text[done:]...)
}

// linkTo is the tunnel's origin as a link had the device's.
func (t *tunnel) linkTo(scheme, slashes string) string {
	own, host, _ := strings.Cut(t.opening.Origin, "://")
	switch strings.ToLower(scheme) {
	case "":
		return slashes + host
	case "ws", "wss":
		own = strings.Replace(own, "http", "ws", 1)
	}
	return own + ":" + slashes + host
}

// schemeBefore reads the two slashes before a host and the scheme before them;
// start is -1 when there are none.
func schemeBefore(text []byte, host int) (start int, slashes, scheme string) {
	for _, slashes = range []string{"//", `\/\/`} {
		if start = host - len(slashes); start >= 0 && string(text[start:host]) == slashes {
			break
		}
		start = -1
	}
	if start < 0 {
		return -1, "", ""
	}
	if start > 0 && text[start-1] != ':' {
		return start, slashes, ""
	}
	for _, scheme = range []string{"https", "http", "wss", "ws"} {
		if n := start - 1 - len(scheme); n >= 0 && strings.EqualFold(string(text[n:start-1]), scheme) && !letter(text, n-1) {
			return n, slashes, scheme
		}
	}
	if start > 0 {
		return -1, "", "" // rtsp://, or whatever
	}
	return start, slashes, ""
}

func letter(text []byte, at int) bool { return at >= 0 && at < len(text) && alphanumeric(text[at]) }

// portAfter reads a port behind a host.
func portAfter(text []byte, at int) (port string, end int) {
	if at >= len(text) || text[at] != ':' {
		return "", at
	}
	end = at + 1
	for end < len(text) && end-at <= 6 && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	if end == at+1 {
		return "", at
	}
	return string(text[at+1 : end]), end
}

// endsHost reports whether the host and port are over: not so in 10.20.1.110,
// 10.20.1.11.evil.example, 10.20.1.11:8@evil.example.
func endsHost(text []byte, at int) bool {
	return at >= len(text) || !letter(text, at) && !bytes.ContainsRune([]byte(".:@%_-"), rune(text[at]))
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
