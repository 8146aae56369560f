package auth

import (
	"fmt"
	"slices"
)

// Role says what a user is here for. It decides which pages there are; rights
// and cameras decide what is seen on them.
type Role string

// The roles.
const (
	Admin    Role = "admin"    // everything, every camera
	Auditor  Role = "auditor"  // reads everything, changes nothing, every camera
	Operator Role = "operator" // any of the rights, on its cameras
	Viewer   Role = "viewer"   // live and playback, on its cameras
)

// Right is something that a user may do with a camera.
type Right string

// The rights.
const (
	Live     Right = "live"
	Playback Right = "playback"
	Export   Right = "export"
	PTZ      Right = "ptz"
)

// Bounds of what one user is given.
const (
	maxCameras = 5000 // ids in a user's or token's list
	maxGroups  = 256
	maxID      = 128 // bytes of a camera id or group name
)

// Rights lists the rights that a role can have, and those it has when nothing is said.
func (r Role) Rights() (possible, usual []Right) {
	switch r {
	case Admin, Operator:
		return []Right{Live, Playback, Export, PTZ}, []Right{Live, Playback, Export, PTZ}
	case Auditor:
		return []Right{Live, Playback}, []Right{Live, Playback}
	case Viewer:
		return []Right{Live, Playback}, []Right{Live}
	default:
		return nil, nil
	}
}

// fixed reports whether a role's rights and cameras are not to be chosen.
func (r Role) fixed() bool { return r == Admin || r == Auditor }

// Grant is what a user may do, and with which cameras: all of them, those
// listed, or those in one of the groups.
type Grant struct {
	Role    Role     `json:"role"`
	Rights  []Right  `json:"rights"` // nil in a request: the role's usual ones
	All     bool     `json:"all"`
	Cameras []string `json:"cameras"`
	Groups  []string `json:"groups"`
}

// may reports whether the grant covers the right on the camera, which is in groups.
func (g Grant) may(r Right, camera string, groups []string) bool {
	if !slices.Contains(g.Rights, r) {
		return false
	}
	return g.All || slices.Contains(g.Cameras, camera) ||
		slices.ContainsFunc(groups, func(group string) bool { return slices.Contains(g.Groups, group) })
}

// checked checks a grant and gives it in the form in which it is kept: sorted,
// no list nil, and for a role that sees everything without lists.
func (g Grant) checked() (Grant, error) {
	possible, usual := g.Role.Rights()
	if possible == nil {
		return g, invalid("there is no such role", "choose admin, auditor, operator or viewer")
	}
	if g.Role.fixed() {
		return Grant{Role: g.Role, Rights: usual, All: true, Cameras: []string{}, Groups: []string{}}, nil
	}
	out := Grant{Role: g.Role, Rights: usual, All: g.All, Cameras: []string{}, Groups: []string{}}
	if g.Rights != nil {
		var err error
		if out.Rights, err = subset(g.Rights, possible, g.Role); err != nil {
			return g, err
		}
	}
	if g.All {
		return out, nil
	}
	var err error
	if out.Cameras, err = ids("camera", g.Cameras, maxCameras); err != nil {
		return g, err
	}
	if out.Groups, err = ids("group", g.Groups, maxGroups); err != nil {
		return g, err
	}
	return out, nil
}

// subset gives the rights asked for in the order of the possible ones.
func subset(asked, possible []Right, role Role) ([]Right, error) {
	out := []Right{}
	for _, r := range possible {
		if slices.Contains(asked, r) {
			out = append(out, r)
		}
	}
	for _, r := range asked {
		if !slices.Contains(possible, r) {
			return nil, invalid(fmt.Sprintf("the role %s cannot have that right", role),
				fmt.Sprintf("choose of: %v", possible))
		}
	}
	return out, nil
}

// ids sorts ids and leaves out those that come twice.
func ids(what string, list []string, most int) ([]string, error) {
	if len(list) > most {
		return nil, invalid(fmt.Sprintf("more than %d in the list of %ss", most, what), "choose all cameras, or a group")
	}
	for _, id := range list {
		if id == "" || len(id) > maxID || !printable(id) {
			return nil, invalid(fmt.Sprintf("the list has something that is no %s", what), "take the ids of the site file")
		}
	}
	out := slices.Clone(list)
	slices.Sort(out)
	out = slices.Compact(out)
	if out == nil {
		out = []string{}
	}
	return out, nil
}
