package onvif

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// place is where a service is asked; its address is always the pinned one.
type place struct {
	port uint16
	tls  bool
	path string // with its query
}

// url gives a place at the pinned address. The literal is ours: nothing that a
// device wrote gets into its host (C13).
func (p place) url(pinned netip.Addr) string {
	scheme := "http"
	if p.tls {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(pinned.Unmap().WithZone("").String(), strconv.Itoa(int(p.port))) + p.path
}

// locate reads an address that a device named. own tells whether its host is the
// pinned address; host is what it names. ok is false where it is no address of HTTP.
func locate(address string, pinned netip.Addr) (at place, host string, own, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return at, hostOf(u), false, false
	}
	at = place{port: 80, tls: u.Scheme == "https", path: u.EscapedPath()}
	if at.tls {
		at.port = 443
	}
	if u.RawQuery != "" {
		at.path += "?" + u.RawQuery
	}
	if !strings.HasPrefix(at.path, "/") {
		at.path = "/" + at.path
	}
	if port := u.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return at, hostOf(u), false, false
		}
		at.port = uint16(n)
	}
	return at, hostOf(u), isPinned(u.Hostname(), pinned), true
}

// isPinned compares without ever resolving a name: a name is foreign, even its own.
func isPinned(host string, pinned netip.Addr) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().WithZone("") == pinned.Unmap().WithZone("")
}

func hostOf(u *url.URL) string {
	if u == nil {
		return ""
	}
	return tidy(u.Hostname(), maxText)
}

// secretish are parts of an address that hold a password, with what stands before.
var secretish = regexp.MustCompile(`(?i)(pass(?:word|wd)?|pwd|pw)=[^&;/_\s]*`)

// safeURI gives a stream's address without any account in it, and its host.
func safeURI(uri string) (text, host string) {
	u, err := url.Parse(uri)
	if err != nil {
		return "", ""
	}
	u.User = nil
	return tidy(secretish.ReplaceAllString(u.String(), "$1="+hidden), maxAddress), hostOf(u)
}
