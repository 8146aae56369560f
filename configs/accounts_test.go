package configs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/configs"
)

// reached is valid, off loopback and with accounts.
var reached = strings.NewReplacer(
	"storage:\n", `listen: {http: "0.0.0.0:8443", names: [NVR.camp.example, 10.0.0.5]}
tls: {certificate_file: /etc/nvr/nvr.crt, key_file: /etc/nvr/nvr.key}
accounts:
  second_factor: [admin, auditor]
  idle: 10m
  session: 12h
  two_persons: true
  confirm_within: 5m
  sso:
    - id: camp
      issuer: https://login.camp.example/realms/camp
      client_id: nvr
      client_secret_file: /etc/nvr/secrets/camp
      groups_claim: realm_access.roles
      ca_file: /etc/nvr/camp.crt
      roles:
        - {group: admins, role: admin}
        - {group: guards, role: operator, cameras: [gate], camera_groups: [perimeter]}
        - {group: visitors, role: viewer, all: true}
storage:
`,
	"    device: dev-yard\n", "    device: dev-yard\n    groups: [yard, perimeter]\n").Replace(valid)

func TestParseReadsHowItIsReachedAndByWhom(t *testing.T) {
	s, err := configs.Parse([]byte(reached))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Listen.Names; !slices.Equal(got, []string{"nvr.camp.example", "10.0.0.5"}) || s.Listen.HTTP.Port() != 8443 {
		t.Errorf("listen %+v", s.Listen)
	}
	if s.TLS.CertificateFile != "/etc/nvr/nvr.crt" || s.TLS.KeyFile != "/etc/nvr/nvr.key" {
		t.Errorf("tls %+v", s.TLS)
	}
	if got := s.Cameras[1].Groups; !slices.Equal(got, []string{"yard", "perimeter"}) {
		t.Errorf("groups %v", got)
	}
	want := configs.Accounts{
		SecondFactor: []string{"admin", "auditor"}, Idle: 10 * time.Minute, Session: 12 * time.Hour,
		TwoPersons: true, ConfirmWithin: 5 * time.Minute,
		SSO: []configs.Provider{{
			ID: "camp", Name: "camp", Issuer: "https://login.camp.example/realms/camp", ClientID: "nvr",
			ClientSecretFile: "/etc/nvr/secrets/camp", GroupsClaim: "realm_access.roles", CAFile: "/etc/nvr/camp.crt",
			Roles: []configs.GroupRole{
				{Group: "admins", Role: "admin", All: true},
				{
					Group: "guards", Role: "operator", Rights: []string{"live", "playback", "export", "ptz"},
					Cameras: []string{"gate"}, CameraGroups: []string{"perimeter"},
				},
				{Group: "visitors", Role: "viewer", Rights: []string{"live"}, All: true},
			},
		}},
	}
	if diff := cmp.Diff(want, s.Accounts); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
}

func TestAccountsHaveDefaults(t *testing.T) {
	s, err := configs.Parse([]byte(valid))
	want := configs.Accounts{Idle: 30 * time.Minute, Session: 24 * time.Hour, ConfirmWithin: 15 * time.Minute}
	if err != nil || !cmp.Equal(want, s.Accounts) || s.Listen.Names != nil {
		t.Errorf("%+v, names %v, %v", s.Accounts, s.Listen.Names, err)
	}
}

func TestAListeningAddressIsAName(t *testing.T) {
	for http, want := range map[string][]string{
		"10.0.0.7:443":    {"nvr.camp.example", "10.0.0.5", "10.0.0.7"},
		"10.0.0.5:443":    {"nvr.camp.example", "10.0.0.5"},
		"[fd00::7]:443":   {"nvr.camp.example", "10.0.0.5", "fd00::7"},
		"[::]:443":        {"nvr.camp.example", "10.0.0.5"},
		"127.0.0.1:8080":  {"nvr.camp.example", "10.0.0.5"},
		"[::1]:8080":      {"nvr.camp.example", "10.0.0.5"},
		"203.0.113.9:443": {"nvr.camp.example", "10.0.0.5", "203.0.113.9"},
	} {
		s, err := configs.Parse([]byte(strings.Replace(reached, "0.0.0.0:8443", http, 1)))
		if err != nil || !slices.Equal(s.Listen.Names, want) {
			t.Errorf("%s: %v, %v", http, s, err)
		}
	}
}

func TestEveryMistakeOfAccountsIsNamedWithItsPlace(t *testing.T) {
	tests := []struct{ name, old, new, want, says string }{
		{"camera side", "0.0.0.0:8443", "10.20.0.1:8443", "3:16: listen.http", "camera side"},
		{"multicast", "0.0.0.0:8443", "224.0.0.1:8443", "3:16: listen.http", "multicast"},
		{"one link", "0.0.0.0:8443", "[fe80::1%eth0]:8443", "3:16: listen.http", "one link"},
		{"name on the camera side", "10.0.0.5]", "10.20.0.1]", "3:58: listen.names[1]", "camera side"},
		{"name with port", "NVR.camp.example", "'nvr.camp.example:8443'", "3:40: listen.names[0]", "without scheme and port"},
		{"name with scheme", "NVR.camp.example", "https://nvr.camp.example", "3:40: listen.names[0]", "without scheme and port"},
		{"wildcard", "NVR.camp.example", "'*.camp.example'", "3:40: listen.names[0]", "not a host name"},
		{"underscore", "NVR.camp.example", "nvr_1.camp.example", "3:40: listen.names[0]", "not a host name"},
		{"half an address", "NVR.camp.example", "10.0.0", "3:40: listen.names[0]", "not a host name"},
		{"every address", "10.0.0.5]", "0.0.0.0]", "3:58: listen.names[1]", "people can type"},
		{"name twice", "10.0.0.5]", "nvr.camp.example]", "3:58: listen.names[1]", "stands at line 3 already"},
		{"empty name", "10.0.0.5]", "]", "", ""},
		{"webrtc", "names: [NVR", "webrtc: 10.0.0.5:8189, names: [NVR", "3:40: listen.webrtc", "not served"},
		{"certificate alone", ", key_file: /etc/nvr/nvr.key", "", "4:1: tls", "go together"},
		{"relative certificate", "/etc/nvr/nvr.crt", "nvr.crt", "4:25: tls.certificate_file", "absolute"},
		{"unknown role", "[admin, auditor]", "[admin, boss]", "6:26: accounts.second_factor[1]", "write admin or auditor"},
		{"role twice", "[admin, auditor]", "[admin, admin]", "6:26: accounts.second_factor[1]", "already"},
		{"idle", "idle: 10m", "idle: 10s", "7:9: accounts.idle", "not between"},
		{"idle longer than a session", "idle: 10m", "idle: 13h", "7:9: accounts.idle", "longer than a session"},
		{"session", "session: 12h", "session: 90d", "8:12: accounts.session", "not between"},
		{"confirm", "confirm_within: 5m", "confirm_within: 5", "10:19: accounts.confirm_within", "unit"},
		{"unknown key", "two_persons", "two_person", "9:3: accounts.two_person", "did you mean two_persons?"},
		{"provider's id", "id: camp", "id: Camp", "12:11: accounts.sso[0].id", "not an id"},
		{"no issuer", "      issuer: https://login.camp.example/realms/camp\n", "", "12:9: accounts.sso[0].issuer", "no issuer"},
		{"issuer without encryption", "https://login", "http://login", "13:15: accounts.sso[0].issuer", "without encryption"},
		{"issuer on the camera side", "https://login.camp.example", "https://10.20.7.7", "13:15: accounts.sso[0].issuer", "camera side"},
		{"issuer with query", "realms/camp", "realms/camp?x=y", "13:15: accounts.sso[0].issuer", "plain URL"},
		{"issuer with user", "https://login", "https://a:b@login", "13:15: accounts.sso[0].issuer", "plain URL"},
		{"issuer of another kind", "https://login.camp.example/realms/camp", "login.camp.example", "13:15: accounts.sso[0].issuer", "not the URL"},
		{"no client", "      client_id: nvr\n", "", "12:9: accounts.sso[0].client_id", "register nvr there"},
		{"relative secret", "/etc/nvr/secrets/camp", "camp", "15:27: accounts.sso[0].client_secret_file", "absolute"},
		{"group twice", "group: visitors", "group: guards", "21:19: accounts.sso[0].roles[2].group", "already"},
		{"no group", "group: visitors, ", "", "21:11: accounts.sso[0].roles[2].group", "missing"},
		{"no role", "role: viewer, ", "", "21:11: accounts.sso[0].roles[2].role", "missing"},
		{"unknown camera", "[gate]", "[gaet]", "20:53: accounts.sso[0].roles[1].cameras[0]", `there is no camera "gaet"`},
		{"unknown group", "camera_groups: [perimeter]", "camera_groups: [attic]", "20:76: accounts.sso[0].roles[1].camera_groups[0]", `with group "attic"`},
		{"all and some", "role: operator, ", "role: operator, all: true, ", "20:48: accounts.sso[0].roles[1].all", "both"},
		{"no camera at all", "role: viewer, all: true", "role: viewer", "21:11: accounts.sso[0].roles[2]", "no camera"},
		{"rights of an admin", "role: admin", "role: admin, rights: [live]", "19:11: accounts.sso[0].roles[0]", "has the role's rights"},
		{"right of a viewer", "role: viewer", "role: viewer, rights: [live, ptz]", "21:58: accounts.sso[0].roles[2].rights[1]", "cannot have ptz"},
		{"no right", "role: viewer", "role: viewer, rights: []", "21:43: accounts.sso[0].roles[2].rights", "no right"},
		{"unknown right", "role: viewer", "role: viewer, rights: [fly]", "21:52: accounts.sso[0].roles[2].rights[0]", "write live or"},
		{"group of a camera", "groups: [yard,", "groups: [Yard,", "45:14: cameras[1].groups[0]", "not an id"},
		{"group of a camera twice", "groups: [yard,", "groups: [perimeter,", "45:25: cameras[1].groups[1]", "already"},
		{"no roles", reached[strings.Index(reached, "      roles:"):strings.Index(reached, "storage:")], "", "12:9: accounts.sso[0].roles", "nobody could sign in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := strings.Replace(reached, tt.old, tt.new, 1)
			if file == reached {
				t.Fatal("the test changes nothing")
			}
			_, err := configs.Parse([]byte(file))
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var problems configs.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v", err)
			}
			if got := problems[0].String(); !strings.HasPrefix(got, tt.want) || !strings.Contains(got, tt.says) || len(problems) > 1 {
				t.Errorf("says\n%v\nwant %s … %s", problems, tt.want, tt.says)
			}
		})
	}
}

// writePair writes a certificate and its key.
func writePair(t *testing.T, certificate, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bytes}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
}

func TestCheckEnvironmentLooksAtCertificatesAndProviders(t *testing.T) {
	dir := t.TempDir()
	site := strings.NewReplacer("/tmp/state", dir+"/state", "/tmp/video", dir+"/video", "/etc/nvr/secrets", dir, "/etc/nvr", dir).Replace(reached)
	s, err := configs.Parse([]byte(site))
	if err != nil {
		t.Fatal(err)
	}
	says := func(wants ...string) {
		t.Helper()
		// Which ports there are is this machine's affair.
		problems := slices.DeleteFunc(configs.CheckEnvironment(s), func(p configs.Problem) bool {
			return strings.HasPrefix(p.Path, "camera_network.ports")
		})
		if len(problems) != len(wants) {
			t.Errorf("says\n%v\nwant %d problems", problems, len(wants))
		}
		if needed, faces := problems.Split(); len(needed) > 0 || len(faces) != len(problems) {
			t.Errorf("recording is said to need %v", needed)
		}
		for _, want := range wants {
			if !strings.Contains(problems.Error(), want) {
				t.Errorf("%q lacks %q", problems.Error(), want)
			}
		}
	}
	says("accounts.sso[0].client_secret_file: stat", "accounts.sso[0].ca_file: stat",
		"4:25: tls.certificate_file: stat", "tls.key_file: stat")

	crt, key := filepath.Join(dir, "nvr.crt"), filepath.Join(dir, "nvr.key")
	writePair(t, crt, key)
	writePair(t, filepath.Join(dir, "camp.crt"), filepath.Join(dir, "camp"))
	says() // an expired certificate is no reason not to record

	writePair(t, crt, filepath.Join(dir, "other.key"))
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "camp.crt"), []byte("?"), 0o600), os.Chmod(filepath.Join(dir, "camp"), 0o644)); err != nil {
		t.Fatal(err)
	}
	says("tls.certificate_file: tls: private key does not match", "ca_file: "+dir+"/camp.crt holds no certificate", "client_secret_file: "+dir+"/camp can be read by everybody")
	long := filepath.Join(dir, "nvr.crt")
	writePair(t, long, key)
	if err := os.Truncate(long, 1<<20+1); err != nil {
		t.Fatal(err)
	}
	says("tls.certificate_file: "+long+" has more than", "ca_file", "client_secret_file")
	writePair(t, crt, key)
	if err := os.Chmod(key, 0o604); err != nil {
		t.Fatal(err)
	}
	says("tls.key_file: "+key+" can be read by everybody", "ca_file", "client_secret_file")
}

// commented finds a line of the default file that is an example to take in.
var commented = regexp.MustCompile(`(?m)^( *)# (( +)?(- )?([a-z_]+:|\{).*)$`)

func TestTheDefaultsExamplesAreValid(t *testing.T) {
	file := strings.NewReplacer("  http: 127.0.0.1:8080\n", "", "  sso: []\n", "").Replace(string(configs.Default()))
	file = commented.ReplaceAllString(strings.ReplaceAll(file, "# https:", "#"), "$1$2")
	s, err := configs.Parse([]byte(file))
	if err != nil {
		t.Fatalf("%v in\n%s", err, file)
	}
	if len(s.Listen.Names) != 2 || s.TLS.KeyFile == "" || len(s.Accounts.SSO) != 1 || len(s.Accounts.SSO[0].Roles) != 2 {
		t.Errorf("listen %+v, tls %+v, accounts %+v", s.Listen, s.TLS, s.Accounts)
	}
}
