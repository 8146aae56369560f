package configs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/configs"
)

// valid is a small site file that the table of mistakes starts from.
const valid = `version: 1
site: {name: Camp North, zone: Asia/Seoul}
storage:
  state: /tmp/state
  volumes: [{path: /tmp/video, reserve: 5GiB}]
  retention: {keep: 30d}
camera_network:
  ports: [enp2s0, enp3s0]
  addresses: [10.20.0.1/16]
  dns: true
devices:
  - id: dev-gate
    ip: 10.20.1.11
    mac: 02:00:00:00:00:11
  - id: dev-yard
    ip: 10.20.1.12
    mac: 02:00:00:00:00:12
cameras:
  - id: gate
    device: dev-gate
    streams:
      main: {path: /main, record: always}
      sub: {url: "rtsp://10.20.1.11:8554/sub"}
  - id: yard
    device: dev-yard
    transport: udp
    streams:
      main: {path: /main}
    retention: {keep: 90d}
`

func TestParseReadsAValidFile(t *testing.T) {
	s, err := configs.Parse([]byte(valid))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "Camp North" || s.Zone.String() != "Asia/Seoul" || s.Storage.Keep != 30*24*time.Hour {
		t.Errorf("site %q, zone %s, keep %s", s.Name, s.Zone, s.Storage.Keep)
	}
	if got := s.Storage.Volumes[0].Reserve; got != 5<<30 {
		t.Errorf("reserve %d", got)
	}
	gate, yard := s.Cameras[0], s.Cameras[1]
	if gate.Main.URL != "rtsp://10.20.1.11/main" || !gate.Main.Record || gate.Sub.URL != "rtsp://10.20.1.11:8554/sub" || gate.Sub.Record {
		t.Errorf("gate streams %+v %+v", gate.Main, gate.Sub)
	}
	if gate.Transport != "tcp" || gate.Keep != nil || gate.Name != "gate" {
		t.Errorf("gate %+v", gate)
	}
	if yard.Transport != "udp" || *yard.Keep != 90*24*time.Hour || !yard.Main.Record || yard.Sub != nil {
		t.Errorf("yard %+v", yard)
	}
	if s.Listen.HTTP.String() != "127.0.0.1:8080" || s.Storage.Segment != 5*time.Minute || s.Storage.Durability != time.Second || s.Observe {
		t.Errorf("defaults %+v %+v", s.Listen, s.Storage)
	}
}

func TestDefaultIsValid(t *testing.T) {
	s, err := configs.Parse(configs.Default())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Cameras) != 1 || s.Revision != configs.Revision(configs.Default()) {
		t.Errorf("%+v", s)
	}
}

// A pin that takes the last address for devices that are not pinned leaves a file
// that arms all others: a site grows into its network.
func TestDHCPMayHaveNoAddressLeft(t *testing.T) {
	const pool = "[10.20.0.1/16]\n  dns: true\ndevices:\n"
	full := "[10.99.0.6/29, 10.20.0.1/16]\n  dhcp: true\ndevices:\n  - id: dev-new\n    ip: 10.99.0.5\n    mac: 02:00:00:00:00:13\n"
	if s, err := configs.Parse([]byte(strings.Replace(valid, pool, full, 1))); err != nil || !s.CameraNetwork.DHCP || len(s.Devices) < 2 {
		t.Errorf("with 10.99.0.5 pinned: %v", err)
	}
}

func TestEveryMistakeIsNamedWithItsPlace(t *testing.T) {
	tests := []struct {
		name, old, new string
		want           string // LINE:COLUMN: PATH, and a word of what is said
		says           string
	}{
		{"unknown key", "  dns: true", "  dnss: true", "10:3: camera_network.dnss", "did you mean dns?"},
		{"unknown key without a near one", "  dns: true", "  firmware: true", "10:3: camera_network.firmware", "known here: ports"},
		{"key twice", "  dns: true", "  dns: true\n  dns: false", "11:3: ", "already"},
		{"no version", "version: 1\n", "", "1:1: version", "write version: 1"},
		{"other version", "version: 1", "version: 2", "1:10: version", "reads version 1"},
		{"zone", "Asia/Seoul", "Asia/Soul", "2:32: site.zone", "IANA"},
		{"one address with two MACs", "ip: 10.20.1.12", "ip: 10.20.1.11", "16:9: devices[1].ip", "stands at line 13 already"},
		{"one MAC with two addresses", "00:12", "00:11", "17:10: devices[1].mac", "stands at line 14 already"},
		{"duplicate device", "id: dev-yard", "id: dev-gate", "15:9: devices[1].id", "stands at line 12 already"},
		{"duplicate camera", "id: yard", "id: gate", "24:9: cameras[1].id", "stands at line 19 already"},
		{"camera without device", "    device: dev-gate\n", "", "19:7: cameras[0].device", "no device"},
		{"camera of an unknown device", "device: dev-yard", "device: dev-yrad", "25:13: cameras[1].device", "there is no device"},
		{"address outside", "10.20.1.12", "10.21.1.12", "16:9: devices[1].ip", "outside the camera network: give an address inside 10.20.0.0/16"},
		{"the recorder's own address", "10.20.1.12", "10.20.0.1", "16:9: devices[1].ip", "recorder's own"},
		{"IPv6 device", "ip: 10.20.1.12", "ip: fd00::12", "16:9: devices[1].ip", "not IPv4"},
		{"multicast MAC", "02:00:00:00:00:12", "03:00:00:00:00:12", "17:10: devices[1].mac", "multicast"},
		{"no MAC", "    mac: 02:00:00:00:00:12\n", "", "15:7: devices[1].mac", "pinned by both"},
		{"bad MAC", "02:00:00:00:00:12", "02-00-zz", "17:10: devices[1].mac", "hexadecimal"},
		{"bound to no port of cameras", "00:12", "00:12\n    port: eth0", "18:11: devices[1].port", "write one of enp2s0, enp3s0"},
		{"bound to nothing", "00:12", "00:12\n    port: \"\"", "18:11: devices[1].port", "has no name"},
		{"ports and interface", "  dns: true", "  interface: eth1", "10:14: camera_network.interface", "both"},
		{"no ports", "  ports: [enp2s0, enp3s0]\n", "", "7:1: camera_network.ports", "no port"},
		{"loopback as port", "[enp2s0, enp3s0]", "[enp2s0, lo]", "8:19: camera_network.ports[1]", "cannot be a port"},
		{"network instead of address", "10.20.0.1/16", "10.20.0.0/16", "9:15: camera_network.addresses[0]", "write 10.20.0.1/16"},
		{"sinkhole's range", "10.20.0.1/16", "198.18.0.1/16", "9:15: camera_network.addresses[0]", "overlaps"},
		{"dhcp", "  dns: true", "  dhcp: perhaps", "10:9: camera_network.dhcp", "true or false"},
		{"dhcp without room", "[10.20.0.1/16]\n  dns: true", "[10.99.0.1/30, 10.20.0.1/16]\n  dhcp: true", "10:9: camera_network.dhcp", "no room"},
		{"dhcp where all is the recorder's", "[10.20.0.1/16]\n  dns: true", "[10.99.0.1/29, 10.99.0.2/29, 10.99.0.3/29, 10.99.0.4/29, 10.99.0.5/29, 10.99.0.6/29, 10.20.0.1/16]\n  dhcp: true", "10:9: camera_network.dhcp", "is the recorder's own"},
		{"listen", "storage:\n", "listen: {http: 0.0.0.0:8080}\nstorage:\n", "3:16: listen.http", "write names: [nvr.camp.example"},
		{"relative path", "/tmp/state", "state", "4:10: storage.state", "absolute"},
		{"no volumes", "  volumes: [{path: /tmp/video, reserve: 5GiB}]\n", "", "3:1: storage.volumes", "no volume"},
		{"size without unit", "5GiB", "5", "5:41: storage.volumes[0].reserve", "unit"},
		{"duration without unit", "keep: 30d", "keep: 30", "6:21: storage.retention.keep", "30d"},
		{"path without slash", "path: /main, record: always", "path: main, record: always", "22:20: cameras[0].streams.main.path", "write /main"},
		{"schedule", "record: always", "record: weekdays", "22:35: cameras[0].streams.main.record", "not supported yet"},
		{"foreign url", "rtsp://10.20.1.11:8554/sub", "rtsp://203.0.113.9/sub", "23:18: cameras[0].streams.sub.url", "pinned to 10.20.1.11"},
		{"credentials in url", "rtsp://10.20.1.11:8554/sub", "rtsp://a:b@10.20.1.11/sub", "23:18: cameras[0].streams.sub.url", "password_file"},
		{"path and url", `{url: "rtsp`, `{path: /x, url: "rtsp`, "23:28: cameras[0].streams.sub.url", "both"},
		{"transport", "transport: udp", "transport: smoke", "26:16: cameras[1].transport", "tcp or udp"},
		{"id that escapes", "id: gate", "id: ../gate", "19:9: cameras[0].id", "not an id"},
		{"syntax", "site: {name", "site: {{name", "2:", ""},
		{"alias", "/tmp/state", "*x", "4:10: ", ""},
		{"list instead of mapping", "site: {name: Camp North, zone: Asia/Seoul}", "site: [a]", "2:1: site", "not a mapping"},
		{"blank name", "name: Camp North", `name: " "`, "2:14: site.name", "no name"},
		{"empty name", "name: Camp North", `name: ""`, "2:14: site.name", "no name"},
		{"time server", "storage:\n", "time: {servers: [192.0.2.1, time.example.mil, \"not a name\"]}\nstorage:\n", "3:47: time.servers[2]", "host name"},
		{"any port", "storage:\n", "listen: {http: 127.0.0.1:0}\nstorage:\n", "3:16: listen.http", "port 0"},
		{"tunnel at the page's port", "storage:\n", "listen: {http: 127.0.0.1:8080, tunnel: 127.0.0.1:8080}\nstorage:\n", "3:40: listen.tunnel", "give another port"},
		{"tunnel elsewhere", "storage:\n", "listen: {http: 127.0.0.1:8080, tunnel: 0.0.0.0:8081}\nstorage:\n", "3:40: listen.tunnel", "write 127.0.0.1:8081"},
		{"tunnel on the camera side", "storage:\n", "listen: {http: 10.0.0.5:443, tunnel: 10.20.0.1:8443}\nstorage:\n", "3:38: listen.tunnel", "camera side"},
		{"tunnel at any port", "storage:\n", "listen: {tunnel: 127.0.0.1:0}\nstorage:\n", "3:18: listen.tunnel", "port 0"},
		{"owners of no directory", "storage:\n", "owners: {country: country.mmdb}\nstorage:\n", "3:19: owners.country", "not an absolute path"},
		{"owners by another name", "storage:\n", "owners: {asn: /a.mmdb}\nstorage:\n", "3:10: owners.asn", "known here: country, network"},
		{"volume is the state directory", "/tmp/video", "/tmp/state/", "5:20: storage.volumes[0].path", "state directory"},
		{"volume above the state directory", "/tmp/video", "/tmp", "5:20: storage.volumes[0].path", "state directory"},
		{"volume is everything", "/tmp/video", "/", "5:20: storage.volumes[0].path", "state directory"},
		{"broadcast instead of address", "10.20.0.1/16", "10.20.255.255/16", "9:15: camera_network.addresses[0]", "write 10.20.0.1/16"},
		{"the recorder's address twice", "[10.20.0.1/16]", "[10.20.0.1/16, 10.20.0.1/24]", "9:29: camera_network.addresses[1]", "stands at line 9 already"},
		{"loopback as camera network", "10.20.0.1/16", "127.0.0.1/16", "9:15: camera_network.addresses[0]", "no address that a network card"},
		{"multicast as camera network", "10.20.0.1/16", "239.1.0.1/16", "9:15: camera_network.addresses[0]", "no address that a network card"},
		{"nothing as camera network", "10.20.0.1/16", "0.0.0.1/16", "9:15: camera_network.addresses[0]", "no address that a network card"},
		{"device at the network's address", "10.20.1.12", "10.20.0.0", "16:9: devices[1].ip", "network or broadcast"},
		{"device at the broadcast address", "10.20.1.12", "10.20.255.255", "16:9: devices[1].ip", "network or broadcast"},
		{"no device's MAC", "02:00:00:00:00:12", "00:00:00:00:00:00", "17:10: devices[1].mac", "no device has"},
		{"broadcast MAC", "02:00:00:00:00:12", "ff:ff:ff:ff:ff:ff", "17:10: devices[1].mac", "multicast"},
		{"RTSP port", "10.20.1.11:8554", "10.20.1.11:99999", "23:18: cameras[0].streams.sub.url", "no port 99999"},
		{"RTSP port 0", "10.20.1.11:8554", "10.20.1.11:0", "23:18: cameras[0].streams.sub.url", "no port 0"},
		{"username alone", "    mac: 02:00:00:00:00:12", "    mac: 02:00:00:00:00:12\n    username: u", "15:7: devices[1]", "together"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := strings.Replace(valid, tt.old, tt.new, 1)
			if file == valid {
				t.Fatal("the test changes nothing")
			}
			_, err := configs.Parse([]byte(file))
			var problems configs.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v", err)
			}
			if got := problems[0].String(); !strings.HasPrefix(got, tt.want) || !strings.Contains(got, tt.says) {
				t.Errorf("says\n%v\nwant %s … %s", problems, tt.want, tt.says)
			}
		})
	}
}

func TestAllMistakesAreNamedAtOnce(t *testing.T) {
	file := strings.NewReplacer("Asia/Seoul", "Nowhere", "dns: true", "dnss: true", "id: yard", "id: gate").Replace(valid)
	_, err := configs.Parse([]byte(file))
	var problems configs.Problems
	if !errors.As(err, &problems) || len(problems) != 3 || problems[0].Line != 2 || problems[1].Line != 10 || problems[2].Line != 24 {
		t.Errorf("got\n%v", err)
	}
}

func TestWriteKeepsRevisionsAndRefusesConflicts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nvr.yaml")
	first, err := configs.Write(path, []byte(valid), "")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(valid, "Camp North", "Camp South", 1)
	if _, err := configs.Write(path, []byte(changed), "000000000000"); !errors.Is(err, configs.ErrConflict) {
		t.Errorf("a conflict gives %v", err)
	}
	if _, err := configs.Write(path, []byte("version: 3"), first.Revision); err == nil {
		t.Error("an invalid file was written")
	}
	if _, err := configs.Write(path, []byte(changed), first.Revision); err != nil {
		t.Fatal(err)
	}
	if s, err := configs.Load(path); err != nil || s.Name != "Camp South" {
		t.Errorf("%+v, %v", s, err)
	}
	old, err := os.ReadFile(filepath.Join(path+".d", first.Revision+".yaml"))
	if err != nil || string(old) != valid {
		t.Errorf("earlier revision: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(valid))
	f.Add(configs.Default())
	f.Add([]byte(reached))
	f.Add([]byte("version: 1\nsite: &a {name: *a}\n"))
	f.Add([]byte("- [a: {b"))
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := configs.Parse(file)
		if (s == nil) == (err == nil) {
			t.Errorf("site %v, error %v", s, err)
		}
	})
}
