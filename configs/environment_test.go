package configs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stockade-nvr/stockade/configs"
)

// envCheck has this test binary check a site file as another user.
const envCheck = "STOCKADE_TEST_CHECK"

func TestMain(m *testing.M) {
	file := os.Getenv(envCheck)
	if file == "" {
		os.Exit(m.Run())
	}
	s, err := configs.Parse([]byte(file))
	if err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString(configs.CheckEnvironment(s).Error())
}

// on is a valid site file whose directories and ports this machine has, changed.
func on(dir string, changes ...string) string {
	file := strings.NewReplacer("/tmp/state", dir+"/state", "/tmp/video", dir+"/video", "[enp2s0, enp3s0]", "[lo1]").Replace(valid)
	return strings.NewReplacer(changes...).Replace(file)
}

func check(t *testing.T, file string) string {
	t.Helper()
	s, err := configs.Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return configs.CheckEnvironment(s).Error()
}

func TestCheckEnvironmentNamesWhatThisMachineLacks(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	withSecret := func(file string) string {
		return "    mac: 02:00:00:00:00:11\n    username: u\n    password_file: " + file
	}
	tests := []struct {
		name    string
		changes []string
		want    string
	}{
		{"no interface", nil, "8:11: camera_network.ports[0]: this machine has no interface lo1"},
		{"no interface by the other key", []string{"ports: [lo1]", "interface: lo1"}, "8:14: camera_network.interface: this machine has no interface lo1"},
		{"state on a file system that takes nothing", []string{dir + "/state", "/proc/nvr"}, "4:10: storage.state: /proc cannot be written by this user"},
		{"state below a file", []string{dir + "/state", plain + "/state"}, "4:10: storage.state: stat " + plain + "/state: not a directory"},
		{"state too deep for a socket", []string{dir + "/state", "/tmp/" + strings.Repeat("s", 94)}, "4:10: storage.state: 99 bytes are more than 98"},
		{"volume is a file", []string{dir + "/video", plain}, "5:20: storage.volumes[0].path: " + plain + " is not a directory"},
		{"secret for everybody", []string{"    mac: 02:00:00:00:00:11", withSecret(plain)}, "16:20: devices[0].password_file: " + plain + " can be read by everybody"},
		{"no secret", []string{"    mac: 02:00:00:00:00:11", withSecret(dir + "/none")}, "16:20: devices[0].password_file: stat " + dir + "/none: no such file"},
		{"no file of countries", []string{"camera_network:", "owners: {country: " + dir + "/none.mmdb}\ncamera_network:"}, "owners.country: stat " + dir + "/none.mmdb: no such file"},
		{"a file of networks that is none", []string{"camera_network:", "owners: {network: " + plain + "}\ncamera_network:"}, "owners.network: " + plain + " is no MMDB file"},
		{"a directory of countries", []string{"camera_network:", "owners: {country: " + dir + "}\ncamera_network:"}, "owners.country: " + dir + " is not a file"},
		{"secret is a directory", []string{"    mac: 02:00:00:00:00:11", withSecret(dir)}, "is not a file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := check(t, on(dir, tt.changes...)); !strings.Contains(got, tt.want) {
				t.Errorf("says\n%s\nwant %s", got, tt.want)
			}
		})
	}
	if got := check(t, on(dir)); strings.Contains(got, "storage.") {
		t.Errorf("complains about directories that can be made: %s", got)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("the check left something behind: %v %v", left, err)
	}
}

// Root may write everywhere, so another user looks at a directory that is not its own.
func TestCheckEnvironmentNamesWhatThisUserMayNotWrite(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	want := "4:10: storage.state: " + dir + " cannot be written by this user"
	if os.Geteuid() != 0 {
		if got := check(t, on(dir)); !strings.Contains(got, want) {
			t.Errorf("says\n%s\nwant %s", got, want)
		}
		return
	}
	for at := dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o555); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), envCheck+"="+on(dir))
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("says %v\n%s\nwant %s", err, out, want)
	}
}
