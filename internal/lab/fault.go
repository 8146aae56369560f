package lab

import (
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"

	"github.com/pion/rtp"
)

// errExists is what adding an address twice gives.
const errExists = syscall.EEXIST

// Disturbance is what a bad network does to a stream's packets: probabilities
// between 0 and 1. It is meant for UDP, but applies to whatever is sent.
type Disturbance struct {
	Drop, Duplicate, Reorder float64
	Seed                     uint64 // the same seed disturbs the same packets
}

// disturber applies a Disturbance. Its zero value lets everything pass.
type disturber struct {
	Disturbance
	random *rand.Rand
	held   *rtp.Packet // to be sent after the next one
	lost   uint64
}

// Disturb makes a device lose, repeat or swap packets of both streams; a zero
// Disturbance ends it. It returns how many packets the last one dropped.
func (d *Device) Disturb(how Disturbance) (dropped uint64) {
	for _, s := range d.streams {
		s.mu.Lock()
		if s.trouble != nil {
			dropped += s.trouble.lost
		}
		s.trouble = nil
		if how.Drop+how.Duplicate+how.Reorder > 0 {
			s.trouble = &disturber{Disturbance: how, random: rand.New(rand.NewPCG(how.Seed, uint64(s.number)))}
		}
		s.mu.Unlock()
	}
	return dropped
}

// disturb gives the packets to send now.
func (d *disturber) disturb(packets []*rtp.Packet) []*rtp.Packet {
	if d == nil {
		return packets
	}
	var out []*rtp.Packet
	for _, p := range packets {
		if d.random.Float64() < d.Drop {
			d.lost++
			continue
		}
		if d.held == nil && d.random.Float64() < d.Reorder {
			d.held = p
			continue
		}
		out = append(out, p)
		if d.random.Float64() < d.Duplicate {
			out = append(out, p)
		}
		if d.held != nil {
			out = append(out, d.held)
			d.held = nil
		}
	}
	return out
}

// Freeze makes the device send nothing while its sessions stay open and answer,
// or go on. Frames it would have sent are counted all the same.
func (d *Device) Freeze(on bool) {
	for _, s := range d.streams {
		s.mu.Lock()
		s.frozen = on
		s.mu.Unlock()
	}
}

// SwitchClip changes what a stream (0 main, 1 sub) shows from the next frame on,
// parameter sets included, as a camera does whose resolution is changed while it
// is watched. Running sessions keep the description that they began with; the
// next server (Die, Revive) describes the new clip. The codec must stay.
func (d *Device) SwitchClip(stream int, name string) error {
	c, err := loadClip(name)
	if err != nil {
		return err
	}
	s := d.streams[stream]
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.h265 != s.clip.h265 {
		return fmt.Errorf("switch %s to %s: another codec", d.Camera.ID, name)
	}
	s.clip, s.changed = c, true
	return nil
}

// URL is where a stream (0 main, 1 sub) is found, without credentials.
func (d *Device) URL(stream int) string {
	return "rtsp://" + net.JoinHostPort(d.host.ip.String(), rtspPort) + d.streams[stream].path
}

// Last is the mark of the newest frame that a stream (0 main, 1 sub) has sent,
// and fps how many it sends a second.
func (d *Device) Last(stream int) (newest Mark, fps int) {
	s := d.streams[stream]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, s.clip.fps
}
