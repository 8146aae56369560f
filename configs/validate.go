package configs

import (
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// id is what ids look like: they become directory names and parts of URLs.
var idForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// portForm is what the kernel takes as an interface's name (IFNAMSIZ).
var portForm = regexp.MustCompile(`^[^\s/:]{1,15}$`)

// sinkholeRange is where the recorder's DNS answers from: nothing else may live there.
var sinkholeRange = netip.MustParsePrefix("198.18.0.0/15")

// validate checks what the values mean together.
func (d *decoder) validate(s *Site) {
	if s.Name == "" && !d.has("site.name") {
		d.problem("site.name", "the site has no name", "write site: {name: Camp North}: disarming asks for it")
	}
	d.validateListen(s)
	d.validateTLS(&s.TLS)
	d.validateStorage(&s.Storage)
	d.validateNetwork(&s.CameraNetwork)
	d.validateDevices(s)
	d.validateCameras(s)
	d.validateAccounts(s)
}

// has tells whether something stands at a path, right or wrong.
func (d *decoder) has(path string) bool {
	_, ok := d.positions[path]
	return ok
}

func (d *decoder) validateStorage(s *Storage) {
	d.absolute("storage.state", s.State, "/var/lib/nvr/state")
	if len(s.Volumes) == 0 {
		d.problem("storage.volumes", "there is no volume for footage", "write volumes: [{path: /var/lib/nvr/video, reserve: 5GiB}]")
	}
	seen := map[string]string{}
	for i, v := range s.Volumes {
		path := fmt.Sprintf("storage.volumes[%d].path", i)
		d.absolute(path, v.Path, "/var/lib/nvr/video")
		d.unique(seen, path, filepath.Clean(v.Path), "volume")
	}
	if d.has("storage.segment") && (s.Segment < 10*time.Second || s.Segment > 6*time.Hour) {
		d.problem("storage.segment", fmt.Sprintf("%s is not between 10s and 6h", s.Segment), "write 5m")
	}
	if d.has("storage.durability") && (s.Durability < time.Second || s.Durability > time.Minute) {
		d.problem("storage.durability", fmt.Sprintf("%s is not between 1s and 1m", s.Durability), "write 1s: what a power cut may cost")
	}
}

func (d *decoder) absolute(path, value, example string) {
	switch {
	case value == "" && (!d.has(path) || d.clean(path)):
		d.problem(path, "no directory is given", "write one such as "+example)
	case value != "" && !filepath.IsAbs(value):
		d.problem(path, fmt.Sprintf("%q is not an absolute path", value), "write one such as "+example)
	}
}

// clean tells whether nothing was found wrong at a path yet.
func (d *decoder) clean(path string) bool {
	for _, p := range d.problems {
		if p.Path == path {
			return false
		}
	}
	return true
}

// unique complains about a value that stood somewhere before.
func (d *decoder) unique(seen map[string]string, path, value, what string) {
	if value == "" || value == "." {
		return
	}
	if first, ok := seen[value]; ok {
		at := d.positions[first]
		d.problem(path, fmt.Sprintf("%s %s stands at line %d already", what, value, at.Line), "each may stand once")
		return
	}
	seen[value] = path
}

func (d *decoder) validateNetwork(c *CameraNetwork) {
	if len(c.Ports) == 0 {
		d.problem("camera_network.ports", "no port of the camera network is given", "write ports: [enp2s0] with the interfaces that cameras hang on")
	}
	seen := map[string]string{}
	for i, p := range c.Ports {
		path := fmt.Sprintf("camera_network.ports[%d]", i)
		if !d.has(path) {
			path = "camera_network.interface"
		}
		switch {
		case p == "" && !d.clean(path): // said already
		case !portForm.MatchString(p):
			d.problem(path, fmt.Sprintf("%q is not the name of an interface", p), "write a name that ip link shows")
		case p == "lo" || p == "br-cam":
			d.problem(path, p+" cannot be a port of the camera network", "name the network card that cameras hang on")
		}
		d.unique(seen, path, p, "port")
	}
	if len(c.Addresses) == 0 {
		d.problem("camera_network.addresses", "the recorder has no address on the camera network", "write addresses: [10.20.0.1/16]")
	}
	for i, p := range c.Addresses {
		path := fmt.Sprintf("camera_network.addresses[%d]", i)
		switch {
		case !p.IsValid():
		case !p.Addr().Is4():
			d.problem(path, fmt.Sprintf("%s is not IPv4", p), "IPv6 is closed on the camera side: give the IPv4 address")
		case p.Bits() < 16 || p.Bits() > 30:
			d.problem(path, fmt.Sprintf("/%d is not between /16 and /30", p.Bits()), "list several /16 networks if one is too small")
		case p.Addr() == p.Masked().Addr():
			d.problem(path, fmt.Sprintf("%s names the network, not the recorder in it", p), "write "+p.Addr().Next().String()+fmt.Sprintf("/%d", p.Bits()))
		case p.Overlaps(sinkholeRange):
			d.problem(path, fmt.Sprintf("%s overlaps %s, which the recorder's DNS answers from", p, sinkholeRange), "use another private network")
		}
	}
	if c.DHCP {
		d.problem("camera_network.dhcp", "DHCP is not served yet", "write dhcp: false and give cameras static addresses")
	}
}

func (d *decoder) validateDevices(s *Site) {
	ids, ips, macs := map[string]string{}, map[string]string{}, map[string]string{}
	for i, v := range s.Devices {
		at := fmt.Sprintf("devices[%d]", i)
		d.id(ids, at+".id", v.ID)
		if v.IP.IsValid() {
			d.deviceAddress(s, at+".ip", v.IP)
			d.unique(ips, at+".ip", v.IP.String(), "address")
		} else if !d.has(at + ".ip") {
			d.problem(at+".ip", "the device has no address", "write ip: with its IPv4 address")
		}
		switch {
		case v.MAC == nil && !d.has(at+".mac"):
			d.problem(at+".mac", "the device has no MAC", "write mac: as its label says: a device is pinned by both")
		case v.MAC == nil:
		case len(v.MAC) != 6:
			d.problem(at+".mac", fmt.Sprintf("%s has not six bytes", v.MAC), "write six pairs of hexadecimal digits")
		case v.MAC[0]&1 != 0:
			d.problem(at+".mac", fmt.Sprintf("%s is a multicast address", v.MAC), "write the device's own: its second digit is even")
		default:
			d.unique(macs, at+".mac", v.MAC.String(), "MAC")
		}
		if v.PasswordFile != "" {
			d.absolute(at+".password_file", v.PasswordFile, "/etc/nvr/secrets/"+v.ID)
		}
		if (v.Username == "") != (v.PasswordFile == "") {
			d.problem(at, "username and password_file go together", "give both or neither")
		}
	}
}

// deviceAddress checks that a device's address can be pinned.
func (d *decoder) deviceAddress(s *Site, path string, ip netip.Addr) {
	if !ip.Is4() {
		d.problem(path, fmt.Sprintf("%s is not IPv4", ip), "IPv6 is closed on the camera side: give the IPv4 address")
		return
	}
	inside := false
	for _, p := range s.CameraNetwork.Addresses {
		if !p.IsValid() {
			return // said already
		}
		if p.Addr() == ip {
			d.problem(path, fmt.Sprintf("%s is the recorder's own address", ip), "give the device's")
			return
		}
		inside = inside || p.Contains(ip)
	}
	if !inside && len(s.CameraNetwork.Addresses) > 0 {
		d.problem(path, fmt.Sprintf("%s is outside the camera network", ip), "give an address inside "+prefixes(s.CameraNetwork.Addresses)+", or add its network there")
	}
}

func prefixes(ps []netip.Prefix) string {
	words := make([]string, len(ps))
	for i, p := range ps {
		words[i] = p.Masked().String()
	}
	return strings.Join(words, ", ")
}

func (d *decoder) id(seen map[string]string, path, id string) {
	switch {
	case id == "" && d.clean(path):
		d.problem(path, "the id is missing", "write a short name such as gate-north")
	case id != "" && !idForm.MatchString(id):
		d.problem(path, fmt.Sprintf("%q is not an id", id), "use lower-case letters, digits and hyphens, at most 63")
	default:
		d.unique(seen, path, id, "id")
	}
}

// ids checks a list of ids, each of which may stand once.
func (d *decoder) ids(path string, ids []string) {
	seen := map[string]string{}
	for i, id := range ids {
		d.id(seen, fmt.Sprintf("%s[%d]", path, i), id)
	}
}

func (d *decoder) validateCameras(s *Site) {
	ids := map[string]string{}
	for i := range s.Cameras {
		c := &s.Cameras[i]
		at := fmt.Sprintf("cameras[%d]", i)
		d.id(ids, at+".id", c.ID)
		if c.Name == "" {
			c.Name = c.ID
		}
		device, found := s.Device(c.Device)
		switch {
		case c.Device == "" && d.clean(at+".device"):
			d.problem(at+".device", "the camera has no device", "write device: with the id of one under devices")
		case c.Device != "" && !found:
			d.problem(at+".device", fmt.Sprintf("there is no device %q", c.Device), "add it under devices, or name another")
		}
		if c.Main == nil && c.Sub == nil && d.clean(at+".streams") {
			d.problem(at+".streams", "the camera has no stream", "write streams: {main: {path: /..., record: always}}")
		}
		d.ids(at+".groups", c.Groups)
		for name, stream := range map[string]*Stream{"main": c.Main, "sub": c.Sub} {
			if stream != nil && stream.URL != "" && found && device.IP.IsValid() {
				d.streamURL(at+".streams."+name, stream, device.IP)
			}
		}
	}
}

// streamURL completes a path to a URL, and refuses a URL to anybody but the device (C13).
func (d *decoder) streamURL(path string, s *Stream, device netip.Addr) {
	if s.URL[0] == '/' {
		s.URL = "rtsp://" + device.String() + s.URL
	}
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Host == "":
		if !d.has(path + ".url") {
			path += ".path"
		} else {
			path += ".url"
		}
		d.problem(path, fmt.Sprintf("%q is not an RTSP URL", s.URL), "write rtsp://"+device.String()+":554/PATH")
	case u.Scheme != "rtsp":
		d.problem(path+".url", u.Scheme+" is not supported yet", "write rtsp://")
	case u.User != nil:
		d.problem(path+".url", "the URL holds credentials", "move them to the device's username and password_file")
	case u.Hostname() != device.String():
		d.problem(path+".url", fmt.Sprintf("the URL names %s, but the device is pinned to %s", u.Hostname(), device), "write rtsp://"+device.String()+u.RequestURI())
	}
}
