package configs

import (
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// id is what ids look like: they become directory names and parts of URLs.
var idForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// validate checks what the values mean together.
func (d *decoder) validate(s *Site) {
	if strings.TrimSpace(s.Name) == "" && d.clean("site.name") {
		d.problem("site.name", "the site has no name", "write site: {name: Camp North}: disarming asks for it")
	}
	d.validateListen(s)
	d.validateTLS(&s.TLS)
	d.validateTime(s)
	d.validateStorage(&s.Storage)
	d.validateNetwork(&s.CameraNetwork)
	d.validateOwners(&s.Owners)
	d.validateDevices(s)
	d.validateCameras(s)
	d.validateAccounts(s)
	d.validateOutputs(s)
}

func (d *decoder) validateOwners(o *Owners) {
	for path, file := range map[string]string{"owners.country": o.Country, "owners.network": o.Network} {
		if file != "" {
			d.absolute(path, file, "/etc/nvr/country.mmdb")
		}
	}
}

// has tells whether something stands at a path, right or wrong.
func (d *decoder) has(path string) bool {
	_, ok := d.positions[path]
	return ok
}

// hostForm is a host name: labels of letters, digits and inner hyphens.
var hostForm = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?$`)

func (d *decoder) validateTime(s *Site) {
	for i, server := range s.TimeServers {
		_, err := netip.ParseAddr(server)
		if err != nil && (len(server) > 253 || !hostForm.MatchString(server)) {
			d.problem(fmt.Sprintf("time.servers[%d]", i), fmt.Sprintf("%q is neither an address nor a host name", server), "write one such as 192.0.2.123 or time.example.mil")
		}
	}
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
		if filepath.IsAbs(v.Path) && filepath.IsAbs(s.State) && holds(v.Path, s.State) {
			d.problem(path, fmt.Sprintf("the state directory %s lies in this volume", s.State), "give footage a directory of its own beside it, such as /var/lib/nvr/video")
		}
	}
	if d.has("storage.segment") && (s.Segment < 10*time.Second || s.Segment > 6*time.Hour) {
		d.problem("storage.segment", fmt.Sprintf("%s is not between 10s and 6h", s.Segment), "write 5m")
	}
	if d.has("storage.durability") && (s.Durability < time.Second || s.Durability > time.Minute) {
		d.problem("storage.durability", fmt.Sprintf("%s is not between 1s and 1m", s.Durability), "write 1s: what a power cut may cost")
	}
}

// holds tells whether a path is a directory or lies below it.
func holds(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
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
	case u.Port() != "" && !portNumber(u.Port()):
		d.problem(path+".url", "there is no port "+u.Port(), "write one between 1 and 65535; 554 is usual")
	case u.User != nil:
		d.problem(path+".url", "the URL holds credentials", "move them to the device's username and password_file")
	case u.Hostname() != device.String():
		d.problem(path+".url", fmt.Sprintf("the URL names %s, but the device is pinned to %s", u.Hostname(), device), "write rtsp://"+device.String()+u.RequestURI())
	}
}

func portNumber(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 1 && n <= 65535
}
