package configs

import (
	"net"
	"net/netip"
	"time"
)

// Site is what a valid site file says, with defaults filled in.
type Site struct {
	Revision string // first 12 hexadecimal digits of the file's SHA-256
	Path     string // of the file; empty where it was not read from one

	Name     string
	Zone     *time.Location
	Language string // BCP 47: en or ko

	Listen        Listen
	TLS           TLS
	Accounts      Accounts
	TimeServers   []string
	Storage       Storage
	Observe       bool // containment: observe instead of enforce
	CameraNetwork CameraNetwork
	Owners        Owners
	Devices       []Device
	Cameras       []Camera
	Outputs       []Output

	positions map[string]Position // of values and keys, by path, for messages
}

// Listen says where people and programs reach the recorder.
type Listen struct {
	// HTTP is plain HTTP on a loopback address and HTTPS on any other.
	HTTP netip.AddrPort
	// Names are the host names and addresses that people type, in lower case and
	// without port, each once. A listening address that is neither loopback nor
	// a wildcard is one of them, whether the file says so or not. Off loopback
	// there is at least one.
	Names  []string
	WebRTC netip.AddrPort // invalid when not given
	// Tunnel is where devices' own pages are shown, at an origin of their own: as
	// HTTP is, on loopback or off it. Invalid when not given: then nowhere.
	Tunnel netip.AddrPort
}

// TLS names the site's own certificate files: both or neither.
type TLS struct {
	CertificateFile string // PEM, the leaf first
	KeyFile         string
}

// Storage says where footage goes and how long it stays.
type Storage struct {
	State      string
	Volumes    []Volume
	Segment    time.Duration
	Durability time.Duration
	Keep       time.Duration // 0: until space is needed
}

// Volume is one directory for footage.
type Volume struct {
	Path    string
	Reserve int64 // bytes kept free
}

// CameraNetwork is the untrusted side of the box.
type CameraNetwork struct {
	Ports     []string // interface: NAME is a list of one
	Addresses []netip.Prefix
	DHCP      bool
	DNS       bool
	NTP       bool
}

// Owners names the site's own files of which country and whose network an address
// is of, in MMDB; empty: what Debian's packages install is used.
type Owners struct {
	Country string
	Network string
}

// Device is what is pinned: MAC and IP, and the port where one is given.
type Device struct {
	ID           string
	IP           netip.Addr
	MAC          net.HardwareAddr
	Port         string // the one of the camera network's that it hangs on; empty: any
	Username     string
	PasswordFile string
	Declared     Declared
}

// Declared is what a device was sold as.
type Declared struct{ Maker, Model, Country string }

// Camera is one view of a device.
type Camera struct {
	ID        string
	Name      string
	Device    string
	Main, Sub *Stream // at least one
	Transport string  // tcp or udp
	Groups    []string
	Keep      *time.Duration
}

// Stream is what is pulled.
type Stream struct {
	URL    string // rtsp://DEVICE[:PORT]/PATH, without credentials
	Record bool   // always or never
}

// Device finds a device by id.
func (s *Site) Device(id string) (Device, bool) {
	for _, d := range s.Devices {
		if d.ID == id {
			return d, true
		}
	}
	return Device{}, false
}
