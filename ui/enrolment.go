package ui

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Enrolment is how devices on the camera network come to be pinned.
type Enrolment interface {
	// Sightings lists what was seen and is not pinned as it was seen.
	Sightings(ctx context.Context) (SightingsView, error)
	// Pin finds out whether devices can be pinned in the site file of a revision.
	// Nothing is changed before Commit. A Problem says why not: a conflict is 409.
	Pin(ctx context.Context, revision string, devices []NewDevice) (*SiteChange, error)
	// Unpin is the same for the removal of a device.
	Unpin(ctx context.Context, revision, device string) (*SiteChange, error)
}

// SiteChange is a change of the site file that is possible and not made yet.
type SiteChange struct {
	Devices       []string // ids that it is about
	Before, After []NewDevice
	Commit        func(ctx context.Context) (SiteChanged, error)
}

// SiteChanged says what became of it.
type SiteChanged struct {
	Revision string `json:"revision"`
	InForce  bool   `json:"in_force"`
	Why      string `json:"why,omitempty"` // not, yet
}

// NewDevice is a pair to pin.
type NewDevice struct {
	ID  string `json:"id,omitempty"` // default: made of the MAC
	MAC string `json:"mac"`
	IP  string `json:"ip"`
	// Port binds it to one port of the bridge, which then takes nobody else.
	Port string `json:"port,omitempty"`
}

// SightingsView is what was seen on the camera network and is not pinned.
type SightingsView struct {
	Revision  string         `json:"revision"` // of the site file, for If-Match
	Editable  bool           `json:"editable"` // there is a site file
	Makers    bool           `json:"makers"`   // a list of makers is installed
	Sightings []SightingView `json:"sightings"`
	Unlisted  []UnlistedView `json:"unlisted"` // what found no room
}

// SightingView is one device. Its words are its own: text that anybody may have sent.
type SightingView struct {
	MAC   string    `json:"mac"`
	Local bool      `json:"local"`           // the MAC was made up: it tells no maker
	Maker string    `json:"maker,omitempty"` // of the MAC
	Port  string    `json:"port,omitempty"`  // of the bridge
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Count uint64    `json:"count"`
	FingerprintView
	ID        string           `json:"id,omitempty"`     // that it would get
	IP        string           `json:"ip,omitempty"`     // to pin it to, where there is no choice to make
	Device    string           `json:"device,omitempty"` // pinned, with this MAC and another address
	Addresses []SightedAddress `json:"addresses"`
	More      bool             `json:"more,omitempty"` // it used more addresses
	Tried     []TriedView      `json:"tried"`
	Means     []MeaningView    `json:"means"`
}

// FingerprintView is what a device told DHCP of itself: evidence as far as its word goes.
type FingerprintView struct {
	Name       string `json:"name,omitempty"`
	Class      string `json:"class,omitempty"`      // vendor class
	Parameters string `json:"parameters,omitempty"` // the options that it asks for, in its order
	ClientID   string `json:"client_id,omitempty"`  // hexadecimal
}

// SightedAddress is an address that it used.
type SightedAddress struct {
	IP    string    `json:"ip"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Via   string    `json:"via"` // arp, ip, dhcp
}

// TriedView is where it wanted to.
type TriedView struct {
	Address  string    `json:"address"`
	Protocol string    `json:"protocol"`
	Port     int       `json:"port,omitempty"`
	Service  string    `json:"service,omitempty"`
	Count    uint64    `json:"count"`
	Last     time.Time `json:"last"`
}

// MeaningView is something to know before pinning; the code names it.
type MeaningView struct {
	Code   string `json:"code"`
	Device string `json:"device,omitempty"`
	MAC    string `json:"mac,omitempty"`
	IP     string `json:"ip,omitempty"`
}

// UnlistedView is how much of a port found no room.
type UnlistedView struct {
	Port  string    `json:"port"`
	Count uint64    `json:"count"`
	Last  time.Time `json:"last"`
}

// Bounds of what is pinned at once.
const maxPinned = 500

func (s *Server) getSightings(w http.ResponseWriter, r *http.Request) {
	answer[SightingsView](s, w, r)(s.opt.Enrolment.Sightings(r.Context()))
}

// postDevices pins devices.
func (s *Server) postDevices(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Devices []NewDevice }
	err := readBody(r, &sent)
	if err == nil && (len(sent.Devices) == 0 || len(sent.Devices) > maxPinned) {
		err = &Problem{http.StatusBadRequest, fmt.Sprintf("%d devices are given", len(sent.Devices)), fmt.Sprintf("give 1 to %d as devices: [{mac, ip}]", maxPinned)}
	}
	var change *SiteChange
	if err == nil {
		var revision string
		if revision, err = ifMatch(r); err == nil {
			change, err = s.opt.Enrolment.Pin(r.Context(), revision, sent.Devices)
		}
	}
	s.changeSite(w, r, "device.pin", change, err)
}

// deleteDevice unpins one. Which exist is no secret to an admin: the id comes first.
func (s *Server) deleteDevice(w http.ResponseWriter, r *http.Request) {
	revision, missing := ifMatch(r)
	change, err := s.opt.Enrolment.Unpin(r.Context(), revision, r.PathValue("device"))
	if missing != nil && statusOf(err) != http.StatusNotFound {
		err = missing
	}
	s.changeSite(w, r, "device.unpin", change, err)
}

// ifMatch reads which revision of the site file a change is of.
func ifMatch(r *http.Request) (string, error) {
	revision := strings.Trim(r.Header.Get("If-Match"), `"`)
	if revision == "" || revision == "*" {
		return "", &Problem{http.StatusBadRequest, "the request does not say which site file it is to change", "send If-Match with the revision that GET /api/v1/sightings gives"}
	}
	return revision, nil
}

// changeSite writes down a change of the site file, makes it, and answers. The
// entry comes first: what cannot be accounted for is not done. One that fails
// after it, since somebody was quicker, has a second entry.
func (s *Server) changeSite(w http.ResponseWriter, r *http.Request, action string, change *SiteChange, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	e := entryOf(principal(r), action, "device:"+strings.Join(change.Devices, " "), "")
	e.Before, e.After = state(changeSide(change.Before)), state(changeSide(change.After))
	if err := s.note(r, e); err != nil {
		s.fail(w, r, err)
		return
	}
	changed, err := change.Commit(r.Context())
	if err != nil {
		e.Outcome, e.Detail, e.Before, e.After = "refused", err.Error(), nil, nil
		if unnoted := s.note(r, e); unnoted != nil {
			s.log.Error("write the audit", "error", unnoted)
		}
		s.fail(w, r, err)
		return
	}
	writeJSON(w, struct {
		Devices []string `json:"devices"`
		SiteChanged
	}{change.Devices, changed})
}

// changeSide is one side of a change, nil where there is none.
func changeSide(devices []NewDevice) any {
	if len(devices) == 0 {
		return nil
	}
	return map[string][]NewDevice{"devices": devices}
}
