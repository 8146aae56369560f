package configs_test

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/configs"
)

// layout is a site file whose devices are written as given.
func layout(devices string) string {
	return "# the camp's\nversion: 1\nsite: {name: Camp North}   # 북문\nstorage:\n  state: /s   \n  volumes: [{path: /v}]\n" +
		"camera_network: {ports: [p1], addresses: [10.20.0.1/16]}\n" + devices
}

func device(id, ip, mac string) configs.Device {
	hw, err := net.ParseMAC(mac)
	if err != nil {
		panic(err)
	}
	return configs.Device{ID: id, IP: netip.MustParseAddr(ip), MAC: hw}
}

var (
	added = []configs.Device{device("dev-x", "10.20.9.1", "02:00:00:00:09:01"), device("dev-y", "10.20.9.2", "12:34:56:12:34:56")}
	lines = "  - id: dev-x\n    ip: 10.20.9.1\n    mac: \"02:00:00:00:09:01\"\n  - id: dev-y\n    ip: 10.20.9.2\n    mac: \"12:34:56:12:34:56\"\n"
	flow  = "\n  {id: dev-x, ip: 10.20.9.1, mac: \"02:00:00:00:09:01\"},\n  {id: dev-y, ip: 10.20.9.2, mac: \"12:34:56:12:34:56\"}"
)

func TestDevicesAreAddedAndNothingElseChanges(t *testing.T) {
	for _, c := range []struct{ name, before, after string }{
		{
			"block, comments in between", "devices:   # pinned\n  # the gate\n  - id: a   # old\n    ip: 10.20.1.1\n    mac: 02:00:00:00:00:01\n    declared: {maker: X,\n      country: KR}\n  # end of list\n\n# views\ncameras: []   # none\n",
			"devices:   # pinned\n  # the gate\n  - id: a   # old\n    ip: 10.20.1.1\n    mac: 02:00:00:00:00:01\n    declared: {maker: X,\n      country: KR}\n" + lines + "  # end of list\n\n# views\ncameras: []   # none\n",
		},
		{"block at the end, no newline", "devices:\n  - {id: a, ip: 10.20.1.1, mac: \"02:00:00:00:00:01\"}", "devices:\n  - {id: a, ip: 10.20.1.1, mac: \"02:00:00:00:00:01\"}\n" + lines},
		{"block without indentation", "devices:\n- id: a\n  ip: 10.20.1.1\n  mac: 02:00:00:00:00:01\ncameras: []\n", "devices:\n- id: a\n  ip: 10.20.1.1\n  mac: 02:00:00:00:00:01\n" + strings.ReplaceAll("\n"+strings.TrimSuffix(lines, "\n"), "\n  ", "\n")[1:] + "\ncameras: []\n"},
		{"none yet", "devices: []   # nobody\ncameras: []\n", "devices:    # nobody\n" + lines + "cameras: []\n"},
		{"nothing behind the colon", "devices:   # nobody\ncameras: []\n", "devices:   # nobody\n" + lines + "cameras: []\n"},
		{"no such key", "cameras: []\n", "cameras: []\ndevices:\n" + lines},
		{"in brackets", "devices: [{id: a, ip: 10.20.1.1, mac: \"02:00:00:00:00:01\"}]   # 한글\n", "devices: [{id: a, ip: 10.20.1.1, mac: \"02:00:00:00:00:01\"}," + flow + "]   # 한글\n"},
		{"in brackets, comma at the end", "devices: [\n  {id: a, declared: {maker: \"한]글\"}, ip: 10.20.1.1, mac: \"02:00:00:00:00:01\"},\n]\n", "devices: [\n  {id: a, declared: {maker: \"한]글\"}, ip: 10.20.1.1, mac: \"02:00:00:00:00:01\"},\n" + flow + "]\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, eol := range []string{"\n", "\r\n"} {
				before, after := strings.ReplaceAll(layout(c.before), "\n", eol), strings.ReplaceAll(layout(c.after), "\n", eol)
				got, err := configs.AddDevices([]byte(before), added)
				if err != nil || string(got) != after {
					t.Fatalf("%v\n%q\nwant\n%q", err, got, after)
				}
				// One by one out again, down to none.
				for _, d := range added {
					if got, err = configs.RemoveDevice(got, d.ID); err != nil {
						t.Fatalf("remove %s: %v\n%s", d.ID, err, got)
					}
				}
				was, _ := configs.Parse([]byte(before))
				is, err := configs.Parse(got)
				if err != nil || len(is.Devices) != len(was.Devices) {
					t.Errorf("%v\n%s", err, got)
				}
				for _, d := range was.Devices {
					if got, err = configs.RemoveDevice(got, d.ID); err != nil {
						t.Fatalf("remove %s: %v\n%s", d.ID, err, got)
					}
				}
			}
		})
	}
}

func TestADeviceIsAddedWithItsPort(t *testing.T) {
	d := device("dev-x", "10.20.9.1", "02:00:00:00:09:01")
	d.Port = "p1"
	for before, after := range map[string]string{
		"devices: []\n": "devices: \n" + strings.SplitAfter(lines, "01\"\n")[0] + "    port: \"p1\"\n",
		"devices: [{id: a, ip: 10.20.1.1, mac: \"02:00:00:00:00:01\"}]\n": "devices: [{id: a, ip: 10.20.1.1, mac: \"02:00:00:00:00:01\"},\n  {id: dev-x, ip: 10.20.9.1, mac: \"02:00:00:00:09:01\", port: \"p1\"}]\n",
	} {
		if got, err := configs.AddDevices([]byte(layout(before)), []configs.Device{d}); err != nil || string(got) != layout(after) {
			t.Errorf("%v\n%q\nwant\n%q", err, got, layout(after))
		}
	}
	d.Port = "p9"
	if _, err := configs.AddDevices([]byte(layout("devices: []\n")), []configs.Device{d}); err == nil || !strings.Contains(err.Error(), "p9 is no port of the camera network") {
		t.Error(err)
	}
}

func TestARemovedDeviceTakesItsOwnLinesOnly(t *testing.T) {
	before := layout("devices:\n  # first\n  - id: a\n    ip: 10.20.1.1\n    mac: 02:00:00:00:00:01   # of a\n  # second\n  - id: b\n    ip: 10.20.1.2\n    # inside b\n    mac: 02:00:00:00:00:02\n\n  - id: c\n    ip: 10.20.1.3\n    mac: 02:00:00:00:00:03\n# views\ncameras:\n  - {id: cam, device: a, streams: {main: {path: /x}}}\n")
	got, err := configs.RemoveDevice([]byte(before), "b")
	want := strings.Replace(before, "  - id: b\n    ip: 10.20.1.2\n    # inside b\n    mac: 02:00:00:00:00:02\n", "", 1)
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := configs.RemoveDevice([]byte(before), "a"); err == nil || !strings.Contains(err.Error(), `there is no device "a"`) {
		t.Errorf("a device that a camera uses: %v", err)
	}
	if _, err := configs.RemoveDevice([]byte(before), "d"); !errors.Is(err, configs.ErrNoDevice) {
		t.Errorf("a device that is not there: %v", err)
	}
}

func TestWhatCannotBeAddedIsRefused(t *testing.T) {
	base := layout("devices:\n  - {id: a, ip: 10.20.1.1, mac: \"02:00:00:00:00:01\"}\n")
	for _, c := range []struct {
		name, file string
		add        configs.Device
		want       string
	}{
		{"an id that is taken", base, device("a", "10.20.1.2", "02:00:00:00:00:02"), "id a stands at line 9 already"},
		{"an address that is taken", base, device("b", "10.20.1.1", "02:00:00:00:00:02"), "address 10.20.1.1 stands at line 9 already"},
		{"a MAC that is taken", base, device("b", "10.20.1.2", "02:00:00:00:00:01"), "MAC 02:00:00:00:00:01 stands at line 9 already"},
		{"an address outside", base, device("b", "192.168.1.2", "02:00:00:00:00:02"), "outside the camera network"},
		{"an id that would be more than one", base, device("b\n  - id: evil", "10.20.1.2", "02:00:00:00:00:02"), ""},
		{"a file that is wrong", "version: 1\n", device("b", "10.20.1.2", "02:00:00:00:00:02"), "the site has no name"},
		{"a whole file in brackets", "{version: 1, site: {name: C}, storage: {state: /s, volumes: [{path: /v}]}, camera_network: {ports: [p1], addresses: [10.20.0.1/16]}, devices: []}", device("b", "10.20.1.2", "02:00:00:00:00:02"), "by hand"},
		{"null that is written out", layout("devices: ~\n"), device("b", "10.20.1.2", "02:00:00:00:00:02"), ""},
	} {
		if got, err := configs.AddDevices([]byte(c.file), []configs.Device{c.add}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\n%s", c.name, err, got)
		}
	}
}

// FuzzEditDevices: whatever the layout, an edit either is refused or adds lines,
// takes none away, and can be taken back.
func FuzzEditDevices(f *testing.F) {
	f.Add([]byte(valid))
	f.Add(configs.Default())
	f.Add([]byte(layout("devices: []\n")))
	f.Add([]byte(layout("devices:\n- {id: a, ip: 10.20.1.1, mac: \"02:00:00:00:00:01\"}\n\n# x\ncameras: []")))
	f.Add([]byte(layout("devices: [{id: a, ip: 10.20.1.1, mac: \"02:00:00:00:00:01\"},\n]")))
	f.Fuzz(func(t *testing.T, file []byte) {
		before, err := configs.Parse(file)
		if err != nil {
			return
		}
		got, err := configs.AddDevices(file, added)
		if err != nil {
			return
		}
		after, err := configs.Parse(got)
		if err != nil || len(after.Devices) != len(before.Devices)+2 {
			t.Fatalf("%v\n%s", err, got)
		}
		rest := got
		for l := range bytes.Lines(file) {
			l = bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(l), []byte("]")))
			if !bytes.HasPrefix(l, []byte("devices:")) && !slices.Contains([]string{"", "]", "}"}, string(l)) && !bytes.Contains(rest, l) {
				t.Fatalf("%q is gone from\n%s", l, got)
			}
		}
	})
}
