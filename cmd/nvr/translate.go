package main

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/places"
	"github.com/stockade-nvr/stockade/firewall/sinkhole"
	"github.com/stockade-nvr/stockade/recorder"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams/rtsp"
)

// bridge is the interface that the camera side of the box becomes.
const bridge = "br-cam"

// policyOf is what the site file means for the camera side.
func policyOf(s *configs.Site) firewall.Policy {
	p := firewall.Policy{
		Revision: s.Revision, Observe: s.Observe, Bridge: bridge,
		Ports: s.CameraNetwork.Ports, Addresses: s.CameraNetwork.Addresses,
		DNS: s.CameraNetwork.DNS, NTP: s.CameraNetwork.NTP, DHCP: s.CameraNetwork.DHCP, Canary: true,
	}
	for _, d := range s.Devices {
		p.Devices = append(p.Devices, firewall.Device{ID: d.ID, IP: d.IP, MAC: d.MAC, Port: d.Port})
	}
	return p
}

// placesOf names the site's own files of countries and networks.
func placesOf(s *configs.Site) places.Files {
	return places.Files{Country: s.Owners.Country, Network: s.Owners.Network}
}

func retentionOf(s *configs.Site) storage.Retention {
	r := storage.Retention{Keep: s.Storage.Keep, Cameras: map[string]time.Duration{}}
	for _, c := range s.Cameras {
		if c.Keep != nil {
			r.Cameras[c.ID] = *c.Keep
		}
	}
	return r
}

func storageOptionsOf(s *configs.Site) storage.Options {
	o := storage.Options{
		State: s.Storage.State, Durability: s.Storage.Durability,
		Retention: retentionOf(s), Probe: recorder.Probe,
	}
	for _, v := range s.Storage.Volumes {
		o.Volumes = append(o.Volumes, storage.VolumeOptions{Path: v.Path, Reserve: v.Reserve})
	}
	return o
}

// streamKey names a stream of the site.
type streamKey struct{ camera, stream string }

// streamSpec is all that a stream depends on: two that are equal need no restart.
type streamSpec struct {
	rtsp    rtspSpec
	record  bool
	segment time.Duration
}

// rtspSpec is the comparable part of an rtsp.Config.
type rtspSpec struct {
	url, username, password, transport string
	pinned                             netip.Addr
}

func (s rtspSpec) config() rtsp.Config {
	return rtsp.Config{
		URL: s.url, Username: s.username, Password: s.password,
		Transport: rtsp.Transport(s.transport), Pinned: s.pinned, Device: bridge,
	}
}

// streamsOf lists the streams that a site wants. It reads the password files.
func streamsOf(s *configs.Site) (map[streamKey]streamSpec, error) {
	all := map[streamKey]streamSpec{}
	passwords := map[string]string{}
	for _, d := range s.Devices {
		if d.PasswordFile == "" {
			continue
		}
		var err error
		if passwords[d.ID], err = passwordOf(d); err != nil {
			return nil, err
		}
	}
	for _, c := range s.Cameras {
		device, _ := s.Device(c.Device) // validated
		for name, stream := range map[string]*configs.Stream{"main": c.Main, "sub": c.Sub} {
			if stream == nil {
				continue
			}
			all[streamKey{c.ID, name}] = streamSpec{
				rtsp: rtspSpec{
					url: stream.URL, username: device.Username, password: passwords[device.ID],
					transport: c.Transport, pinned: device.IP,
				},
				record: stream.Record, segment: s.Storage.Segment,
			}
		}
	}
	return all, nil
}

// passwordOf reads a device's password, which has a file.
func passwordOf(d configs.Device) (string, error) {
	secret, err := os.ReadFile(d.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("read the password of device %s: %w", d.ID, err)
	}
	if len(secret) == 0 { // as while somebody is writing it
		return "", fmt.Errorf("the password file of device %s says nothing: write the password into %s; a blank one is an empty line", d.ID, d.PasswordFile)
	}
	return strings.TrimRight(string(secret), "\r\n"), nil
}

// leasesOf is what DHCP hands out.
func leasesOf(s *configs.Site) *sinkhole.Leases {
	pinned := map[sinkhole.MAC]netip.Addr{}
	for _, d := range s.Devices {
		pinned[sinkhole.MAC(d.MAC)] = d.IP
	}
	return sinkhole.NewLeases(s.CameraNetwork.Addresses, pinned)
}

// owners tells whose addresses a hit carries.
type owners struct {
	byMAC map[nflog.MAC]journal.Owner
	byIP  map[netip.Addr]journal.Owner
}

func ownersOf(s *configs.Site) *owners {
	cameras := map[string][]string{}
	for _, c := range s.Cameras {
		cameras[c.Device] = append(cameras[c.Device], c.ID)
	}
	o := &owners{byMAC: map[nflog.MAC]journal.Owner{}, byIP: map[netip.Addr]journal.Owner{}}
	kinds := map[string]int{}
	for _, d := range s.Devices {
		kinds[kindOf(d)]++
	}
	for _, d := range s.Devices {
		owner := journal.Owner{Device: d.ID, Cameras: cameras[d.ID], Kind: kindOf(d)}
		if owner.Kind != "" {
			owner.Siblings = kinds[owner.Kind] - 1
		}
		o.byMAC[nflog.MAC(d.MAC)] = owner
		o.byIP[d.IP] = owner
	}
	return o
}

// kindOf is what a device was sold as; "" where the site file does not say.
// Devices of the same kind are siblings.
func kindOf(d configs.Device) string {
	return strings.ToLower(strings.TrimSpace(d.Declared.Maker + " " + d.Declared.Model))
}

// identify goes by MAC: a pinned device that forges an address is still that
// device, and a stranger with a pinned address is not. Where only the address
// is known (a DNS question that passed the pinning), it will do.
func (o *owners) identify(mac nflog.MAC, ip netip.Addr) journal.Owner {
	if mac.IsZero() {
		return o.byIP[ip]
	}
	return o.byMAC[mac]
}
