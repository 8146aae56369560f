package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/sightings"
	"github.com/stockade-nvr/stockade/internal/oui"
	"github.com/stockade-nvr/stockade/ui"
)

// sightingsName is the file below the state directory that keeps what was seen.
const sightingsName = "sightings.json"

// openBook begins to keep account of what is not pinned. It reads a file, so it
// comes after arming.
func (a *app) openBook() {
	a.book = sightings.New(sightings.Options{Log: a.Log, File: filepath.Join(a.site.Storage.State, sightingsName)})
	a.book.SetSite(bookSiteOf(a.site))
}

// found gives what was found about the camera network.
func (a *app) found() []sightings.Finding {
	if a.book == nil { // while arming
		return nil
	}
	all := a.book.Findings()
	if a.inspections != nil {
		all = slices.Concat(all, a.inspections.found())
	}
	slices.SortStableFunc(all, func(x, y sightings.Finding) int { return cmp.Compare(y.Level(), x.Level()) })
	return all
}

// bookSiteOf is what of a site devices on the camera network are compared with.
func bookSiteOf(s *configs.Site) sightings.Site {
	site := sightings.Site{Bridge: bridge, Ports: s.CameraNetwork.Ports, Addresses: s.CameraNetwork.Addresses}
	for _, d := range s.Devices {
		site.Pins = append(site.Pins, sightings.Pin{Device: d.ID, MAC: nflog.MAC(d.MAC), IP: d.IP})
	}
	return site
}

// enrolment is how people pin what was seen (C4): the site file is changed, and
// taken as any change of it is.
type enrolment struct {
	app    *app
	makers func() *oui.Table
}

func newEnrolment(a *app) enrolment {
	return enrolment{a, sync.OnceValue(func() *oui.Table {
		t, err := oui.Load(oui.Files()...)
		if err != nil {
			a.Log.Warn("some makers of devices are not known", "error", err)
		}
		return t
	})}
}

// errNoFile says that there is no site file to change.
var errNoFile = &ui.Problem{Status: http.StatusConflict, Message: "there is no site file to change", Fix: "the demo has none; nvr run --config FILE has"}

// file reads the site file as it is now. It must be the one in force: a change of
// one that was refused would be refused as well, and for another reason.
func (e enrolment) file(revision string) ([]byte, error) {
	if e.app.Config == "" {
		return nil, errNoFile
	}
	file, err := os.ReadFile(e.app.Config)
	if err != nil {
		return nil, unwritable(err)
	}
	switch is := configs.Revision(file); {
	case is != revision:
		return nil, conflict(is)
	case is != e.app.current().Revision:
		why := cmp.Or(e.app.refusal().why, "it is being taken")
		return nil, &ui.Problem{Status: http.StatusConflict, Message: "the site file as it is now is not in force: " + why, Fix: "put it right first: nvr config check " + e.app.Config}
	}
	return file, nil
}

func conflict(is string) error {
	return &ui.Problem{Status: http.StatusConflict, Message: "the site file has changed meanwhile: its revision is " + is, Fix: "look at the list again and send If-Match with its revision"}
}

func unwritable(err error) error {
	fix := "free space, or look at the disk that the site file lies on"
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		fix = "give nvr the right to read and write the site file and its directory"
	}
	return &ui.Problem{Status: http.StatusConflict, Message: err.Error(), Fix: fix}
}

// Pin plans to add devices.
func (e enrolment) Pin(_ context.Context, revision string, wanted []ui.NewDevice) (*ui.SiteChange, error) {
	file, err := e.file(revision)
	if err != nil {
		return nil, err
	}
	devices, err := e.devices(wanted)
	if err != nil {
		return nil, err
	}
	changed, err := configs.AddDevices(file, devices)
	if err != nil {
		return nil, notEdited(err)
	}
	var after []ui.NewDevice
	var ids []string
	for _, d := range devices {
		after = append(after, newDeviceOf(d))
		ids = append(ids, d.ID)
	}
	return &ui.SiteChange{Devices: ids, After: after, Commit: e.commit(changed, revision)}, nil
}

// Unpin plans to remove a device that no camera uses.
func (e enrolment) Unpin(_ context.Context, revision, id string) (*ui.SiteChange, error) {
	site := e.app.current()
	d, ok := site.Device(id)
	if !ok {
		return nil, &ui.Problem{Status: http.StatusNotFound, Message: "there is no such device", Fix: "GET /api/v1/devices lists the ids"}
	}
	for _, c := range site.Cameras {
		if c.Device == id {
			return nil, &ui.Problem{Status: http.StatusConflict, Message: fmt.Sprintf("camera %s is a view of this device", c.ID), Fix: "remove its cameras from the site file first, or with it: without the device nothing of them can be recorded"}
		}
	}
	file, err := e.file(revision)
	if err != nil {
		return nil, err
	}
	changed, err := configs.RemoveDevice(file, id)
	if err != nil {
		return nil, notEdited(err)
	}
	return &ui.SiteChange{
		Devices: []string{id}, Before: []ui.NewDevice{newDeviceOf(d)},
		Commit: e.commit(changed, revision),
	}, nil
}

func newDeviceOf(d configs.Device) ui.NewDevice {
	return ui.NewDevice{ID: d.ID, IP: d.IP.String(), MAC: d.MAC.String(), Port: d.Port}
}

// devices reads what is to be pinned, and names what has no name.
func (e enrolment) devices(wanted []ui.NewDevice) ([]configs.Device, error) {
	taken := map[string]bool{}
	for _, d := range e.app.current().Devices {
		taken[d.ID] = true
	}
	for _, w := range wanted {
		taken[w.ID] = true
	}
	var all []configs.Device
	for i, w := range wanted {
		wrong := func(message, fix string) error {
			return &ui.Problem{Status: http.StatusBadRequest, Message: fmt.Sprintf("devices[%d]: %s", i, message), Fix: fix}
		}
		mac, err := net.ParseMAC(w.MAC)
		if err != nil || len(mac) != 6 {
			return nil, wrong(fmt.Sprintf("%.40q is no MAC", w.MAC), "write six pairs of hexadecimal digits, such as 02:00:00:00:00:11")
		}
		ip, err := netip.ParseAddr(w.IP)
		if err != nil {
			return nil, wrong(fmt.Sprintf("%.40q is no address", w.IP), "write the device's IPv4 address, such as 10.20.1.11")
		}
		id := w.ID
		if id == "" {
			id = suggestID(nflog.MAC(mac), taken)
		}
		all = append(all, configs.Device{ID: id, IP: ip, MAC: mac, Port: w.Port})
	}
	return all, nil
}

// suggestID makes a name of a MAC that is not taken, and takes it: the last
// three bytes, which are the device's own, else all of them.
func suggestID(mac nflog.MAC, taken map[string]bool) string {
	id := fmt.Sprintf("dev-%x", mac[3:])
	if taken[id] {
		id = fmt.Sprintf("dev-%x", mac[:])
	}
	taken[id] = true
	return id
}

// notEdited says why the site file cannot be changed as wanted.
func notEdited(err error) error {
	var problems configs.Problems
	switch {
	case errors.As(err, &problems) && len(problems) > 0:
		p := problems[0]
		return &ui.Problem{Status: http.StatusBadRequest, Message: p.Message, Fix: p.Fix}
	case errors.Is(err, configs.ErrEdit):
		return &ui.Problem{Status: http.StatusConflict, Message: err.Error(), Fix: "write devices: as a list of lines, each beginning with - id:"}
	}
	return err
}

// commit writes the file and waits until the recorder has taken it, or says why not.
func (e enrolment) commit(file []byte, revision string) func(context.Context) (ui.SiteChanged, error) {
	return func(ctx context.Context) (ui.SiteChanged, error) {
		var problems configs.Problems
		site, err := configs.Write(e.app.Config, file, revision)
		switch {
		case errors.Is(err, configs.ErrConflict):
			return ui.SiteChanged{}, conflict("another than this change was made for")
		case errors.As(err, &problems):
			return ui.SiteChanged{}, notEdited(err)
		case err != nil:
			return ui.SiteChanged{}, unwritable(err)
		}
		e.app.lookNow(ctx)
		done := ui.SiteChanged{Revision: site.Revision, InForce: e.app.current().Revision == site.Revision}
		if !done.InForce {
			done.Why = cmp.Or(e.app.refusal().why, "the recorder is busy: it takes the file as soon as it can")
		}
		return done, nil
	}
}

// lookNow has the site file looked at, and waits for it as long as ctx lasts.
func (a *app) lookNow(ctx context.Context) {
	looked := make(chan struct{})
	select {
	case a.nudges <- looked:
	case <-ctx.Done():
		return
	}
	select {
	case <-looked:
	case <-ctx.Done():
	}
}
