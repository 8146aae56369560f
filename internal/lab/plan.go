package lab

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// Plan says what to build.
type Plan struct {
	Cameras []Camera
	Rogue   bool // a device that is not in the site file, on port "rogue"
	// OpenBridge makes the lab bridge the ports itself, with no firewall at all:
	// the proof that what the cameras send would arrive outside. Tests only.
	OpenBridge bool

	// For the site file.
	HTTP, WebRTC string        // addresses; default 127.0.0.1:8080 and 127.0.0.1:8189
	Keep         time.Duration // of footage; default a day
	Reserve      int64         // bytes kept free; default 64 MiB

	Logger *slog.Logger
}

// Camera describes one simulated camera.
type Camera struct {
	Number    int    // from 1; fixes its addresses and port, and goes into every frame
	ID, Name  string // of the camera
	Device    string // id of the device
	Maker     string
	Model     string
	Country   string // declared, two letters
	Main, Sub Picture
	Audio     bool   // AAC beside the main picture
	Transport string // what the site file asks for: tcp or udp
	Username  string
	Password  string
	Phones    bool // home, that is
	Says      Says // over ONVIF
	// Pinned has the camera know its gateway's hardware address without asking,
	// so that its packets leave it even where nobody answers ARP.
	Pinned bool
	// DHCP has the camera ask for its address, as most do when they are new; with
	// OpenBridge, where nobody answers, it has it from the start.
	DHCP bool
}

// Picture is one stream of a camera.
type Picture struct {
	Path string // of the RTSP URL, with its slash
	Clip string // name of an embedded clip
}

// scenes are what the demo's cameras see, over and over.
func scenes() []Camera {
	return []Camera{
		{
			ID: "gate-north", Name: "North gate", Device: "dev-gate", Maker: "Example Optics", Model: "EO-4 Turret", Country: "KR",
			Main: Picture{"/Streaming/Channels/101", "gate-main.h264"}, Sub: Picture{"/Streaming/Channels/102", "gate-sub.h264"}, Transport: "tcp",
		},
		{
			ID: "vehicle-yard", Name: "Vehicle yard", Device: "dev-yard", Maker: "Example Vision", Model: "PV-220", Country: "CN",
			Main: Picture{"/cam/realmonitor/1/0", "yard-main.h264"}, Sub: Picture{"/cam/realmonitor/1/1", "yard-sub.h264"}, Transport: "tcp",
			Audio: true, Phones: true, Pinned: true,
			Says: Says{WiFi: "yard-guest", Elsewhere: "203.0.113.9", NTP: "time.vendor.example"},
		},
		{
			ID: "loading-dock", Name: "Loading dock", Device: "dev-dock", Maker: "Example Optics", Model: "EO-8 Bullet H.265", Country: "KR",
			Main: Picture{"/Streaming/Channels/101", "dock-main.h265"}, Sub: Picture{"/Streaming/Channels/102", "dock-sub.h264"}, Transport: "tcp",
			DHCP: true,
			Says: Says{Model: "PV-880 OEM", Behind: 3 * time.Minute},
		},
		{
			ID: "hq-corridor", Name: "HQ corridor", Device: "dev-corridor", Maker: "Sample Cameras", Model: "Dome 3", Country: "DE",
			Main: Picture{"/h264/main", "corridor-main.h264"}, Sub: Picture{"/h264/sub", "corridor-sub.h264"}, Transport: "udp", Pinned: true,
			Says: Says{Off: true},
		},
	}
}

// MaxCameras is how many cameras a lab has room for.
const MaxCameras = 200

// DefaultPlan is the demo's site with n cameras (4 where n is less): the first
// four differ in codec, sound, transport and manners; more repeat them, but only
// the second one phones home.
func DefaultPlan(n int) Plan {
	n = min(max(n, 4), MaxCameras)
	kinds := scenes()
	p := Plan{Rogue: true}
	for i := range n {
		c := kinds[i%len(kinds)]
		c.Number = i + 1
		if again := i/len(kinds) + 1; again > 1 {
			c.ID = fmt.Sprintf("%s-%d", c.ID, again)
			c.Name = fmt.Sprintf("%s %d", c.Name, again)
			c.Device = fmt.Sprintf("%s-%d", c.Device, again)
			c.Phones = false
		}
		c.Username = "viewer"
		c.Password = "lab-" + c.Device
		p.Cameras = append(p.Cameras, c)
	}
	return p
}

// dhcp reports whether a camera asks for its address.
func (p *Plan) dhcp() bool {
	return slices.ContainsFunc(p.Cameras, func(c Camera) bool { return c.DHCP })
}

// Port is the recorder's end of the cable to the camera.
func (c *Camera) Port() string { return "cam" + strconv.Itoa(c.Number) }

// IP is the camera's address.
func (c *Camera) IP() netip.Addr { return cameraIP(c.Number) }

// MAC is the camera's hardware address.
func (c *Camera) MAC() net.HardwareAddr { return hardware(c.IP()) }

// check refuses a plan that cannot be built.
func (p *Plan) check() error {
	seen := map[int]bool{}
	for _, c := range p.Cameras {
		if c.Number < 1 || c.Number > MaxCameras || seen[c.Number] {
			return fmt.Errorf("camera %q: number %d is not between 1 and %d, or taken", c.ID, c.Number, MaxCameras)
		}
		seen[c.Number] = true
	}
	return nil
}
