package configs

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// nameForm is what a host name looks like, in lower case.
var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

const (
	maxName  = 253 // of DNS
	maxNames = 64  // each of them is in the certificate
)

// validateListen checks where the recorder is reached, and by which names.
func (d *decoder) validateListen(s *Site) {
	l := &s.Listen
	if a := l.WebRTC; a.IsValid() && !a.Addr().IsLoopback() {
		d.problem("listen.webrtc", fmt.Sprintf("%s is not a loopback address, and WebRTC is not served off it yet", a), "remove it")
	}
	for path, a := range map[string]netip.AddrPort{"listen.http": l.HTTP, "listen.webrtc": l.WebRTC, "listen.tunnel": l.Tunnel} {
		if a.IsValid() && a.Port() == 0 {
			d.problem(path, "port 0 is any port: nobody would know where to ask", "write 127.0.0.1:8080")
		}
	}
	seen := map[string]string{}
	for i := range l.Names {
		d.name(s, seen, fmt.Sprintf("listen.names[%d]", i), &l.Names[i])
	}
	if len(l.Names) > maxNames {
		d.problem("listen.names", fmt.Sprintf("%d names are more than %d", len(l.Names), maxNames), "keep those that people type")
	}
	d.reachable(s, "listen.http", l.HTTP.Addr().Unmap())
	d.reachable(s, "listen.tunnel", l.Tunnel.Addr().Unmap())
	d.validateTunnel(l)
	at := l.HTTP.Addr().Unmap()
	switch {
	case !at.IsValid() || at.IsLoopback():
	case at.IsUnspecified():
		if len(l.Names) == 0 && d.clean("listen.names") {
			d.problem("listen.http", fmt.Sprintf("%s is every address of this machine, and listen.names does not say which of them people use", at),
				"write names: [nvr.camp.example, 10.0.0.5] with the host names and addresses that they type")
		}
	case d.clean("listen.http") && !slices.Contains(l.Names, at.String()):
		l.Names = append(l.Names, at.String())
	}
}

// reachable checks an address off loopback that people are to reach.
func (d *decoder) reachable(s *Site, path string, at netip.Addr) {
	switch {
	case !at.IsValid() || at.IsLoopback():
	case at.Zone() != "":
		d.problem(path, fmt.Sprintf("%s is good on one link only", at), "listen on an address that people can reach, or on [::]")
	case at.IsMulticast():
		d.problem(path, fmt.Sprintf("%s is a multicast address", at), "listen on an address of this machine")
	case s.CameraNetwork.has(at):
		d.problem(path, fmt.Sprintf("%s is on the camera side, where nobody may reach the recorder", at), "listen on an address of the other side")
	}
}

// validateTunnel checks that devices' pages get an origin of their own that
// people who reach the page reach as well.
func (d *decoder) validateTunnel(l *Listen) {
	at, page := l.Tunnel, l.HTTP
	switch {
	case !at.IsValid() || !page.IsValid() || !d.clean("listen.tunnel"):
	case at.Port() == page.Port():
		d.problem("listen.tunnel", fmt.Sprintf("port %d is the page's own: devices' pages would be of one origin with it", at.Port()), "give another port, such as 8443")
	case at.Addr() != page.Addr() && (page.Addr().Unmap().IsLoopback() || !at.Addr().IsUnspecified()):
		d.problem("listen.tunnel", fmt.Sprintf("%s is not reached by all names by which listen.http, %s, is", at, page), fmt.Sprintf("write %s", netip.AddrPortFrom(page.Addr(), at.Port())))
	}
}

// name checks a host name or address that people type, and gives it its one spelling.
func (d *decoder) name(s *Site, seen map[string]string, path string, name *string) {
	if *name == "" && !d.clean(path) {
		return
	}
	*name = strings.ToLower(*name)
	const fix = "write a host name such as nvr.camp.example or an address such as 10.0.0.5"
	ip, err := netip.ParseAddr(*name)
	switch {
	case err == nil && (ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast()):
		d.problem(path, fmt.Sprintf("%q is not an address that people can type", *name), fix)
	case err == nil && s.CameraNetwork.has(ip):
		d.problem(path, fmt.Sprintf("%s is on the camera side, where nobody may reach the recorder", ip), "name an address of the other side")
	case err == nil:
		*name = ip.Unmap().String()
	case strings.Contains(*name, "://"), strings.HasPrefix(*name, "["), portOf(*name):
		d.problem(path, fmt.Sprintf("%q is more than a name", *name), "write it without scheme and port")
	case len(*name) > maxName, !nameForm.MatchString(*name), numeric(*name):
		d.problem(path, fmt.Sprintf("%q is not a host name", *name), fix)
	}
	d.unique(seen, path, *name, "name")
}

// portOf tells whether a name ends like a port.
func portOf(name string) bool {
	_, port, found := strings.Cut(name, ":")
	return found && port != "" && strings.Trim(port, "0123456789") == ""
}

// numeric tells whether a name would be read as an address: 10.0.0.
func numeric(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return strings.Trim(last, "0123456789") == ""
}

// has tells whether an address is on the camera side.
func (c *CameraNetwork) has(ip netip.Addr) bool {
	return slices.ContainsFunc(c.Addresses, func(p netip.Prefix) bool { return p.IsValid() && p.Contains(ip.Unmap()) })
}

// validateTLS checks the certificate files, as far as the file tells.
func (d *decoder) validateTLS(t *TLS) {
	if t.CertificateFile != "" {
		d.absolute("tls.certificate_file", t.CertificateFile, "/etc/nvr/nvr.crt")
	}
	if t.KeyFile != "" {
		d.absolute("tls.key_file", t.KeyFile, "/etc/nvr/nvr.key")
	}
	if (t.CertificateFile == "") != (t.KeyFile == "") {
		d.problem("tls", "certificate_file and key_file go together", "give both, or neither: then nvr makes a certificate of its own")
	}
}
