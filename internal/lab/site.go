package lab

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// SiteFile writes the cameras' passwords below stateDir/secrets and gives the
// site file of the lab, which names them.
func (l *Lab) SiteFile(stateDir, volumeDir string) ([]byte, error) {
	return l.plan.SiteFile(stateDir, volumeDir)
}

// SiteFile is Lab.SiteFile before anything is built.
func (p *Plan) SiteFile(stateDir, volumeDir string) ([]byte, error) {
	secrets := filepath.Join(stateDir, "secrets")
	if err := os.MkdirAll(secrets, 0o700); err != nil {
		return nil, fmt.Errorf("make the secrets' directory: %w", err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "version: 1\nsite: {name: Camp North, zone: UTC, language: en}\n")
	fmt.Fprintf(&b, "listen: {http: %s, webrtc: %s}\n", cmp.Or(p.HTTP, "127.0.0.1:8080"), cmp.Or(p.WebRTC, "127.0.0.1:8189"))
	fmt.Fprintf(&b, "time: {servers: []}\nstorage:\n  state: %s\n  volumes: [{path: %s, reserve: %dB}]\n", strconv.Quote(stateDir), strconv.Quote(volumeDir), cmp.Or(p.Reserve, 64<<20))
	fmt.Fprintf(&b, "  segment: 10s\n  durability: 1s\n  retention: {keep: %s}\ncontainment: enforce\ncamera_network:\n  ports: [", cmp.Or(p.Keep, 24*time.Hour))
	for i, port := range p.Ports() {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(port)
	}
	fmt.Fprintf(&b, "]\n  addresses: [%s/%d]\n  dhcp: %t\n  dns: true\n  ntp: true\ndevices:\n", recorderIP, cameraNet.Bits(), p.dhcp())
	for _, c := range p.Cameras {
		file := filepath.Join(secrets, c.Device)
		if err := os.WriteFile(file, []byte(c.Password+"\n"), 0o600); err != nil {
			return nil, fmt.Errorf("write a password: %w", err)
		}
		fmt.Fprintf(&b, "  - id: %s\n    ip: %s\n    mac: %s\n    username: %s\n    password_file: %s\n", c.Device, c.IP(), c.MAC(), c.Username, strconv.Quote(file))
		fmt.Fprintf(&b, "    declared: {maker: %s, model: %s, country: %s}\n", c.Maker, c.Model, c.Country)
	}
	b.WriteString("cameras:\n")
	for _, c := range p.Cameras {
		fmt.Fprintf(&b, "  - id: %s\n    name: %s\n    device: %s\n    streams:\n", c.ID, c.Name, c.Device)
		fmt.Fprintf(&b, "      main: {path: %s, record: always}\n      sub: {path: %s, record: never}\n    transport: %s\n", c.Main.Path, c.Sub.Path, c.Transport)
	}
	return b.Bytes(), nil
}

// Ports are the recorder's interfaces towards the camera network.
func (p *Plan) Ports() []string {
	var ports []string
	for _, c := range p.Cameras {
		ports = append(ports, c.Port())
	}
	if p.Rogue {
		ports = append(ports, roguePort)
	}
	return ports
}
