package outputs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/outputs"
)

// authority makes a certificate that is its own authority, for 127.0.0.1.
func authority(t *testing.T, dir, name string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	certificate, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	must(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return certificate, key
}

// rsyslog is the real one, on loopback, that writes what it takes into a file.
type rsyslog struct {
	dir, address string
	command      *exec.Cmd
}

func (r *rsyslog) start(t *testing.T) {
	t.Helper()
	r.command = exec.CommandContext(t.Context(), "/usr/sbin/rsyslogd", "-n", "-f", filepath.Join(r.dir, "conf"), "-i", filepath.Join(r.dir, "pid"))
	r.command.Stderr = os.Stderr
	must(t, r.command.Start())
}

func (r *rsyslog) kill() {
	_ = r.command.Process.Kill()
	_ = r.command.Wait()
}

// lines are the messages that it took.
func (r *rsyslog) lines() []string {
	text, _ := os.ReadFile(filepath.Join(r.dir, "log")) // not there yet: none
	return strings.Split(string(text), "\n")
}

func newRsyslog(t *testing.T, certificate, key string) *rsyslog {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // of a test
	must(t, err)
	r := &rsyslog{dir: t.TempDir(), address: l.Addr().String()}
	_, port, err := net.SplitHostPort(r.address)
	must(t, err)
	must(t, l.Close())
	global, mode := "", ""
	if certificate != "" {
		global = fmt.Sprintf(` DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="%s" DefaultNetstreamDriverCertFile="%s" DefaultNetstreamDriverKeyFile="%s"`, certificate, certificate, key)
		mode = ` StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon"`
	}
	must(t, os.WriteFile(filepath.Join(r.dir, "conf"), fmt.Appendf(nil, `global(workDirectory="%[1]s"%[2]s)
module(load="imtcp"%[3]s)
input(type="imtcp" port="%[4]s" address="127.0.0.1")
template(name="all" type="string" string="%%hostname%%|%%app-name%%|%%msgid%%|%%syslogseverity-text%%|%%msg%%\n")
action(type="omfile" file="%[1]s/log" template="all" asyncWriting="off" flushOnTXEnd="on")
`, r.dir, global, mode, port), 0o600))
	r.start(t)
	t.Cleanup(func() { r.kill() })
	return r
}

func TestRsyslogTakesWhatItIsTold(t *testing.T) {
	j := fill(t)
	r := newRsyslog(t, "", "")
	o, _ := serve(t, t.TempDir(), j, outputs.Target{ID: "siem", Address: r.address, Format: outputs.Zeek})
	eventually(t, "it is connected", func() bool { s := o.Status(); return len(s) == 1 && s[0].Connected })
	for n := range 20 {
		try(j, n)
	}
	eventually(t, "20 attempts are in its file", func() bool { return len(destinations(r.lines())) == 20 })
	if l := r.lines()[0]; !strings.HasPrefix(l, `box|nvr|containment|notice|{"_path":"stockade"`) {
		t.Errorf("its first line is %q", l)
	}
	r.kill()
	for n := range 30 {
		try(j, 100+n)
	}
	eventually(t, "its absence is said", func() bool { return !o.Status()[0].Connected })
	r.start(t)
	eventually(t, "all 50 are in its file", func() bool { return len(destinations(r.lines())) == 50 })
}

func TestRsyslogIsKnownByItsAuthority(t *testing.T) {
	dir := t.TempDir()
	certificate, key := authority(t, dir, "siem")
	other, _ := authority(t, dir, "other")
	j := fill(t)
	r := newRsyslog(t, certificate, key)
	o, end := serve(t, "", j, outputs.Target{ID: "siem", Address: r.address, Format: outputs.CEF, TLS: true, CAFile: other})
	eventually(t, "the wrong authority is refused", func() bool {
		s := o.Status()
		return len(s) == 1 && strings.Contains(s[0].Problem, "unknown authority")
	})
	if n := o.Status()[0].Sent; n != 0 {
		t.Errorf("%d messages went to whom it does not know", n)
	}
	end()
	serve(t, "", j, outputs.Target{ID: "siem", Address: r.address, Format: outputs.CEF, TLS: true, CAFile: certificate})
	eventually(t, "what comes now is in its file", func() bool {
		try(j, 1)
		return strings.Contains(strings.Join(r.lines(), "\n"), "CEF:0|Stockade|nvr|1|attempt:egress|")
	})
}
