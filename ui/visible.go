package ui

import (
	"slices"
	"strings"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// hearsDetails reports whether a principal is told why in a camera's or the
// disk's own words. They hold addresses and paths, which are of use to those who
// see to the recorder; everybody else gets the cause.
func hearsDetails(p auth.Principal) bool { return p.Is(auth.Admin, auth.Auditor) }

// camerasOf gives the cameras that a principal may know of, with what it may
// know of them.
func (s *Server) camerasOf(p auth.Principal) []CameraView {
	list := slices.DeleteFunc(slices.Clone(s.opt.Cameras()), func(c CameraView) bool { return !sees(p, c.ID, c.Groups) })
	if hearsDetails(p) {
		return list
	}
	for i := range list {
		c := &list[i]
		c.Device = ""
		// The others would tell how the rest of the site is divided.
		c.Groups = orEmpty(slices.DeleteFunc(slices.Clone(c.Groups), func(g string) bool { return !slices.Contains(p.User.Groups, g) }))
		c.Streams = slices.Clone(c.Streams)
		for k := range c.Streams {
			c.Streams[k].Detail = ""
		}
	}
	return list
}

// devicesOf gives the devices of cameras that a principal may know of, and those
// without a camera to who may know of all.
func (s *Server) devicesOf(p auth.Principal) []DeviceView {
	all := []DeviceView{}
	for _, d := range s.opt.Devices() {
		mine := slices.DeleteFunc(slices.Clone(d.Cameras), func(id string) bool {
			groups, known := s.opt.Groups(id)
			return !known || !sees(p, id, groups)
		})
		if len(mine) > 0 || len(d.Cameras) == 0 && p.Is(auth.Admin, auth.Auditor) {
			d.Cameras = mine
			all = append(all, d)
		}
	}
	return all
}

// healthOf gives what is wrong. Names of cameras, paths and addresses are for
// those who can do something about it.
func (s *Server) healthOf(p auth.Principal) HealthView {
	v := s.opt.Health()
	if p.Is(auth.Admin, auth.Auditor) {
		v.Checks = orEmpty(v.Checks)
		return v
	}
	checks := []HealthCheck{}
	for _, c := range v.Checks {
		kind, _, _ := strings.Cut(c.Name, " ") // "volume /var/lib/nvr/video"
		if i := slices.IndexFunc(checks, func(x HealthCheck) bool { return x.Name == kind }); i >= 0 {
			checks[i].State = worse(checks[i].State, c.State)
			continue
		}
		checks = append(checks, HealthCheck{Name: kind, State: c.State})
	}
	for i := range checks {
		if checks[i].State != HealthOK {
			checks[i].Fix = "tell an admin of this recorder"
		}
	}
	v.Checks = checks
	return v
}

func worse(a, b string) string {
	if a == HealthBad || b == HealthOK {
		return a
	}
	return b
}

// containmentOf gives the firewall's account. Whether it holds is for everybody
// to know; layers, reasons and figures are for those who read the rest too.
func (s *Server) containmentOf(p auth.Principal) ContainmentView {
	v := s.opt.Containment()
	if !p.Is(auth.Admin, auth.Auditor) {
		v = ContainmentView{State: v.State, Since: v.Since, Checked: v.Checked}
	}
	v.Reasons, v.Notes, v.Layers, v.Drift = orEmpty(v.Reasons), orEmpty(v.Notes), orEmpty(v.Layers), orEmpty(v.Drift)
	v.Findings, v.Unseen = orEmpty(v.Findings), orEmpty(v.Unseen)
	return v
}
