package main

import (
	"cmp"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// accountPolicyOf is what the site file asks of accounts. two says that two
// persons are in force, which the file alone cannot end.
func accountPolicyOf(s *configs.Site, two bool) auth.Policy {
	a := s.Accounts
	p := auth.Policy{
		SecondFactor: map[auth.Role]bool{}, Idle: a.Idle, Max: a.Session,
		TwoPersons: a.TwoPersons || two, ConfirmWithin: a.ConfirmWithin, SiteName: s.Name,
	}
	for _, role := range a.SecondFactor {
		p.SecondFactor[auth.Role(role)] = true
	}
	p.RPID, p.Origins = passkeysOf(s.Listen)
	return p
}

// passkeysOf gives the name that passkeys belong to, and the pages that may use
// them: a browser takes a host name only, no address.
func passkeysOf(l configs.Listen) (party string, origins []string) {
	port := strconv.Itoa(int(l.HTTP.Port()))
	if l.HTTP.Addr().IsLoopback() {
		return "localhost", []string{"http://localhost:" + port}
	}
	for _, name := range l.Names {
		if _, err := netip.ParseAddr(name); err == nil {
			continue
		}
		party = cmp.Or(party, name)
		if name == party || strings.HasSuffix(name, "."+party) {
			origins = append(origins, "https://"+hostPort(name, port))
		}
	}
	return party, origins
}

// hostPort leaves the port of HTTPS out, as browsers do.
func hostPort(name, port string) string {
	switch {
	case port != "443":
		return net.JoinHostPort(name, port)
	case strings.Contains(name, ":"):
		return "[" + name + "]"
	}
	return name
}

// address is where people open the page.
func address(l configs.Listen) string {
	if l.HTTP.Addr().IsLoopback() || len(l.Names) == 0 {
		return "http://" + l.HTTP.String()
	}
	return "https://" + hostPort(l.Names[0], strconv.Itoa(int(l.HTTP.Port())))
}
