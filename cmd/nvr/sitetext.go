package main

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/stockade-nvr/stockade/configs"
)

// siteText is what a site file says, value by value, as state.db keeps it and the
// audit tells it. It has the defaults that were filled in, nothing of the file's
// wording or order, and nothing secret.
type siteText struct {
	Revision string            `json:"revision"`
	Values   map[string]string `json:"values"` // by path; what is not set is not there
}

// textOf takes a site's text. Each field of configs.Site is in it (a test sees to that).
func textOf(s *configs.Site) siteText {
	t := siteText{s.Revision, map[string]string{}}
	t.set("site.name", s.Name)
	t.set("site.zone", s.Zone.String())
	t.set("site.language", s.Language)
	t.set("listen.http", portText(s.Listen.HTTP))
	t.set("listen.names", strings.Join(s.Listen.Names, ", "))
	t.set("listen.webrtc", portText(s.Listen.WebRTC))
	t.set("listen.tunnel", portText(s.Listen.Tunnel))
	t.set("tls.certificate_file", s.TLS.CertificateFile)
	t.set("tls.key_file", s.TLS.KeyFile)
	t.set("time.servers", strings.Join(s.TimeServers, ", "))
	t.set("containment", map[bool]string{true: "observe", false: "enforce"}[s.Observe])
	t.accounts(&s.Accounts)
	t.storage(&s.Storage)
	t.network(&s.CameraNetwork)
	t.set("owners.country", s.Owners.Country)
	t.set("owners.network", s.Owners.Network)
	for _, o := range s.Outputs {
		at := "outputs[" + o.ID + "]"
		t.set(at+".to", o.To)
		t.flag(at+".tls", o.TLS)
		t.set(at+".format", o.Format)
		t.set(at+".ca_file", o.CAFile)
		t.set(at+".certificate_file", o.CertificateFile)
		t.set(at+".key_file", o.KeyFile)
	}
	for _, d := range s.Devices {
		t.device(&d)
	}
	for _, c := range s.Cameras {
		t.camera(&c)
	}
	return t
}

// set keeps a value; an empty one is not set.
func (t siteText) set(path, value string) {
	if value != "" {
		t.Values[path] = value
	}
}

func (t siteText) flag(path string, value bool) { t.Values[path] = strconv.FormatBool(value) }

func portText(p netip.AddrPort) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}

func (t siteText) accounts(a *configs.Accounts) {
	t.set("accounts.second_factor", strings.Join(a.SecondFactor, ", "))
	t.set("accounts.idle", a.Idle.String())
	t.set("accounts.session", a.Session.String())
	t.flag("accounts.two_persons", a.TwoPersons)
	t.set("accounts.confirm_within", a.ConfirmWithin.String())
	for _, p := range a.SSO {
		at := "accounts.sso[" + p.ID + "]"
		t.set(at+".name", p.Name)
		t.set(at+".issuer", p.Issuer)
		t.set(at+".client_id", p.ClientID)
		t.set(at+".client_secret_file", p.ClientSecretFile)
		t.set(at+".groups_claim", p.GroupsClaim)
		t.set(at+".ca_file", p.CAFile)
		var roles []string // in their order: the first that fits counts
		for _, r := range p.Roles {
			roles = append(roles, roleText(&r))
		}
		t.set(at+".roles", strings.Join(roles, "; "))
	}
}

func roleText(r *configs.GroupRole) string {
	text := fmt.Sprintf("%s is %s", r.Group, r.Role)
	if len(r.Rights) > 0 {
		text += " with " + strings.Join(r.Rights, ", ")
	}
	if r.All {
		text += " of all cameras"
	}
	if len(r.Cameras) > 0 {
		text += " of cameras " + strings.Join(r.Cameras, ", ")
	}
	if len(r.CameraGroups) > 0 {
		text += " of groups " + strings.Join(r.CameraGroups, ", ")
	}
	return text
}

func (t siteText) storage(s *configs.Storage) {
	t.set("storage.state", s.State)
	t.set("storage.segment", s.Segment.String())
	t.set("storage.durability", s.Durability.String())
	t.set("storage.retention.keep", keepText(s.Keep))
	for _, v := range s.Volumes {
		t.set("storage.volumes["+v.Path+"].reserve", fmt.Sprintf("%d bytes", v.Reserve))
	}
}

func (t siteText) network(n *configs.CameraNetwork) {
	var addresses []string
	for _, p := range n.Addresses {
		addresses = append(addresses, p.String())
	}
	t.set("camera_network.ports", strings.Join(n.Ports, ", "))
	t.set("camera_network.addresses", strings.Join(addresses, ", "))
	t.flag("camera_network.dhcp", n.DHCP)
	t.flag("camera_network.dns", n.DNS)
	t.flag("camera_network.ntp", n.NTP)
}

func (t siteText) device(d *configs.Device) {
	at := "devices[" + d.ID + "]"
	t.set(at+".ip", d.IP.String())
	t.set(at+".mac", d.MAC.String())
	t.set(at+".port", d.Port)
	t.set(at+".username", d.Username)
	t.set(at+".password_file", d.PasswordFile)
	t.set(at+".declared.maker", d.Declared.Maker)
	t.set(at+".declared.model", d.Declared.Model)
	t.set(at+".declared.country", d.Declared.Country)
}

func (t siteText) camera(c *configs.Camera) {
	at := "cameras[" + c.ID + "]"
	t.set(at+".name", c.Name)
	t.set(at+".device", c.Device)
	t.set(at+".transport", c.Transport)
	t.set(at+".groups", strings.Join(c.Groups, ", "))
	if c.Keep != nil {
		t.set(at+".retention.keep", keepText(*c.Keep))
	}
	t.stream(at+".streams.main", c.Main)
	t.stream(at+".streams.sub", c.Sub)
}

func (t siteText) stream(at string, s *configs.Stream) {
	if s == nil {
		return
	}
	t.set(at+".url", urlText(s.URL))
	t.flag(at+".record", s.Record)
}

// urlText hides what follows the first = or ? of a camera's path: some makers
// want the password there. That it changed still shows, by two bytes of a hash,
// which are too few to guess the password from.
func urlText(url string) string {
	at := strings.IndexAny(url, "?=")
	if at < 0 {
		return url
	}
	sum := sha256.Sum256([]byte(url))
	return fmt.Sprintf("%s… (not shown, %x)", url[:at+1], sum[:2])
}
