package cert_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stockade-nvr/stockade/ui/cert"
)

// clock is a recorder's, set by the test.
type clock struct{ at atomic.Pointer[time.Time] }

func newClock(t time.Time) *clock {
	c := &clock{}
	c.set(t)
	return c
}

func (c *clock) set(t time.Time) { c.at.Store(&t) }
func (c *clock) now() time.Time  { return *c.at.Load() }

// day is a time that a right clock may show.
var day = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

func campNorth() cert.Identity {
	return cert.Identity{Site: "Camp North", Names: []string{"nvr.camp.example", "10.0.0.5", "203.0.113.9"}}
}

func open(t *testing.T, o cert.Options) *cert.Keeper {
	t.Helper()
	k, err := cert.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// leaf is what a handshake would get.
func leaf(t *testing.T, k *cert.Keeper) *x509.Certificate {
	t.Helper()
	c, err := k.TLSConfig().GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf
}

// trusts checks as a browser with the root installed would.
func trusts(k *cert.Keeper, c *x509.Certificate, name string, at time.Time) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(k.RootPEM())
	_, err := c.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: at})
	return err
}

func TestTheSitesOwnRootIsMadeOnceAndSignsForItsNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	c := newClock(day)
	k := open(t, cert.Options{Dir: dir, Identity: campNorth(), Now: c.now})
	for _, name := range []string{"nvr.camp.example", "10.0.0.5", "203.0.113.9", "localhost", "127.0.0.1", "::1"} {
		if err := trusts(k, leaf(t, k), name, day); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := trusts(k, leaf(t, k), "mail.camp.example", day); err == nil {
		t.Error("good for a name that was not asked for")
	}
	block, rest := pem.Decode(k.RootPEM())
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil || len(rest) > 0 || bytes.Contains(k.RootPEM(), []byte("KEY")) {
		t.Fatalf("the root given away holds more than the root: %v", err)
	}
	if !root.IsCA || !root.MaxPathLenZero || root.KeyUsage != x509.KeyUsageCertSign || !strings.Contains(root.Subject.CommonName, "Camp North") {
		t.Errorf("root %+v", root.Subject)
	}
	for _, file := range []string{"root.pem", "leaf.pem"} {
		info, err := os.Stat(filepath.Join(dir, file))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
	again := open(t, cert.Options{Dir: dir, Identity: campNorth(), Now: c.now})
	if again.Fingerprint() != k.Fingerprint() || !leaf(t, again).Equal(leaf(t, k)) {
		t.Error("the next start made others")
	}
	if s := again.Status(); s.Own || s.Problem != "" || !s.Renews.Equal(day.Add(60*24*time.Hour)) || len(s.Names) != 6 {
		t.Errorf("status %+v", s)
	}
	if got := k.Fingerprint(); len(got) != 32*3-1 || strings.ToUpper(got) != got {
		t.Errorf("fingerprint %s", got)
	}
}

// TestAStolenRootIsWorthLittle signs with the root's key, as a thief would.
func TestAStolenRootIsWorthLittle(t *testing.T) {
	dir := t.TempDir()
	k := open(t, cert.Options{Dir: dir, Identity: campNorth(), Now: newClock(day).now})
	file, err := os.ReadFile(filepath.Join(dir, "root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := tls.X509KeyPair(file, file)
	if err != nil {
		t.Fatal(err)
	}
	for name, fine := range map[string]bool{
		"nvr2.camp.example": true, "recorder.local": true,
		"bank.example": false, "example": false, "notcamp.example": false,
	} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: big.NewInt(1), NotBefore: day.Add(-time.Hour), NotAfter: day.Add(time.Hour), DNSNames: []string{name},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}, root.Leaf, key.Public(), root.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		forged, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if err := trusts(k, forged, name, day); (err == nil) != fine {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNamesChangeWithoutRestart(t *testing.T) {
	k := open(t, cert.Options{Dir: t.TempDir(), Identity: campNorth(), Now: newClock(day).now})
	before, root := leaf(t, k), k.Fingerprint()
	id := campNorth()
	id.Names = []string{"nvr2.camp.example", "192.168.7.7"}
	if err := k.Set(id); err != nil {
		t.Fatal(err)
	}
	if err := trusts(k, leaf(t, k), "192.168.7.7", day); err != nil || leaf(t, k).Equal(before) {
		t.Error(err)
	}
	if err := trusts(k, leaf(t, k), "nvr.camp.example", day); err == nil {
		t.Error("still good for the old name")
	}
	id.Names = []string{"nvr2.camp.example", "nvr.other.example"}
	if err := k.Set(id); err != nil {
		t.Fatal(err)
	}
	s := k.Status()
	if !strings.Contains(s.Problem, "may not sign for nvr.other.example") || !strings.Contains(s.Fix, "root.pem") {
		t.Errorf("status %+v", s)
	}
	if err := trusts(k, leaf(t, k), "nvr2.camp.example", day); err != nil || k.Fingerprint() != root {
		t.Errorf("%v, root %s", err, k.Fingerprint())
	}
	id.Names = []string{"nvr.cämp.camp.example"}
	if err := k.Set(id); err == nil || len(k.Status().Names) != 4 {
		t.Errorf("a name that no certificate can carry: %v, %v", err, k.Status().Names)
	}
}

// running runs a keeper in a bubble until the test has looked.
func running(t *testing.T, o cert.Options, look func(k *cert.Keeper, wait func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := open(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- k.Run(ctx) }()
		look(k, func() {
			time.Sleep(6 * time.Second)
			synctest.Wait()
		})
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestTheLeafIsRenewedByItself(t *testing.T) {
	dir, c := t.TempDir(), newClock(day)
	running(t, cert.Options{Dir: dir, Identity: campNorth(), Now: c.now}, func(k *cert.Keeper, wait func()) {
		first := leaf(t, k)
		c.set(day.Add(59 * 24 * time.Hour))
		if wait(); !leaf(t, k).Equal(first) {
			t.Error("renewed too early")
		}
		later := day.Add(61 * 24 * time.Hour)
		c.set(later)
		wait()
		second := leaf(t, k)
		if second.Equal(first) || second.NotAfter.Sub(later) < 89*24*time.Hour {
			t.Errorf("until %s", second.NotAfter)
		}
		if err := trusts(k, second, "nvr.camp.example", later); err != nil {
			t.Error(err)
		}
		// A file that cannot be written does not keep the certificate from being renewed.
		if err := os.Remove(filepath.Join(dir, "leaf.pem")); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, "leaf.pem"), 0o700); err != nil {
			t.Fatal(err)
		}
		c.set(later.Add(61 * 24 * time.Hour))
		if wait(); leaf(t, k).Equal(second) || k.Status().Problem == "" {
			t.Errorf("status %+v", k.Status())
		}
		if err := os.Remove(filepath.Join(dir, "leaf.pem")); err != nil {
			t.Fatal(err)
		}
		if wait(); k.Status().Problem != "" {
			t.Errorf("status %+v", k.Status())
		}
		if again := open(t, cert.Options{Dir: dir, Identity: campNorth(), Now: c.now}); !leaf(t, again).Equal(leaf(t, k)) {
			t.Error("was not written when it could be")
		}
	})
}

func TestAClockThatIsFarOff(t *testing.T) {
	for name, wrong := range map[string]time.Time{
		"never set":   time.Unix(0, 0),
		"ahead":       day.AddDate(40, 0, 0),
		"ahead a bit": day.AddDate(0, 0, 10),
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock(wrong)
			running(t, cert.Options{Dir: t.TempDir(), Identity: campNorth(), Now: c.now}, func(k *cert.Keeper, wait func()) {
				root := k.Fingerprint()
				c.set(day)
				wait()
				if err := trusts(k, leaf(t, k), "10.0.0.5", day); err != nil {
					t.Errorf("with the clock set right: %v", err)
				}
				if k.Fingerprint() != root {
					t.Error("the root was replaced")
				}
			})
		})
	}
	t.Run("lost at a restart", func(t *testing.T) {
		dir, c := t.TempDir(), newClock(day)
		k := open(t, cert.Options{Dir: dir, Identity: campNorth(), Now: c.now})
		c.set(time.Unix(100, 0))
		again := open(t, cert.Options{Dir: dir, Identity: campNorth(), Now: c.now})
		if !leaf(t, again).Equal(leaf(t, k)) {
			t.Error("a clock that knows nothing replaced a leaf that was right")
		}
		id := campNorth()
		id.Names = id.Names[:2]
		if err := again.Set(id); err != nil {
			t.Fatal(err)
		}
		if err := trusts(again, leaf(t, again), "10.0.0.5", day); err != nil {
			t.Errorf("made under such a clock: %v", err)
		}
	})
	t.Run("set back by days", func(t *testing.T) {
		c := newClock(day)
		running(t, cert.Options{Dir: t.TempDir(), Identity: campNorth(), Now: c.now}, func(k *cert.Keeper, wait func()) {
			before := leaf(t, k)
			c.set(day.AddDate(0, 0, -5))
			if wait(); !leaf(t, k).Equal(before) || trusts(k, before, "10.0.0.5", c.now()) != nil {
				t.Error("five days were too many")
			}
		})
	})
}

func TestDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	o := cert.Options{Dir: dir, Identity: campNorth(), Now: newClock(day).now}
	k := open(t, o)
	if err := os.WriteFile(filepath.Join(dir, "leaf.pem"), []byte("half a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again := open(t, o); leaf(t, again).Equal(leaf(t, k)) || again.Fingerprint() != k.Fingerprint() {
		t.Error("a damaged leaf is not made anew")
	}
	root := filepath.Join(dir, "root.pem")
	if err := os.WriteFile(root, []byte("half a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cert.Open(o); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("a damaged root gives %v", err)
	}
	if got, err := os.ReadFile(root); err != nil || string(got) != "half a" {
		t.Error("a damaged root was replaced")
	}
}

// issueTo writes a certificate of an authority of another's.
func issueTo(t *testing.T, certificate, key string, names ...string) {
	t.Helper()
	dir := t.TempDir()
	open(t, cert.Options{Dir: dir, Identity: cert.Identity{Site: "Another", Names: names}, Now: newClock(day).now})
	both, err := os.ReadFile(filepath.Join(dir, "leaf.pem"))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(both, []byte("-----BEGIN PRIVATE KEY"))
	for file, content := range map[string][]byte{certificate: both[:at], key: both[at:]} {
		if file == "" {
			continue
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificateFilesAreTakenWhenTheyFit(t *testing.T) {
	dir := t.TempDir()
	id := campNorth()
	id.Names = []string{"nvr.camp.example"}
	id.CertificateFile, id.KeyFile = filepath.Join(dir, "nvr.crt"), filepath.Join(dir, "nvr.key")
	if _, err := cert.Open(cert.Options{Identity: id}); err == nil || !strings.Contains(err.Error(), "tls in the site file") {
		t.Errorf("without files: %v", err)
	}
	issueTo(t, id.CertificateFile, id.KeyFile, "nvr.camp.example")
	var log bytes.Buffer
	c := newClock(day)
	o := cert.Options{Dir: dir, Identity: id, Now: c.now, Log: slog.New(slog.NewTextHandler(&log, nil))}
	running(t, o, func(k *cert.Keeper, wait func()) {
		first := leaf(t, k)
		if s := k.Status(); !s.Own || s.Problem != "" || k.RootPEM() != nil || s.Fingerprint != k.Fingerprint() {
			t.Errorf("status %+v", s)
		}
		issueTo(t, id.CertificateFile, "", "nvr.camp.example") // its key follows later
		for range 3 {
			wait()
		}
		if s := k.Status(); !leaf(t, k).Equal(first) || !strings.Contains(s.Problem, "pair before stays in force") || s.Fix == "" {
			t.Errorf("status %+v", s)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, &log)
		}
		issueTo(t, id.CertificateFile, id.KeyFile, "other.camp.example")
		wait()
		if s := k.Status(); leaf(t, k).Equal(first) || !strings.Contains(s.Problem, "not good for nvr.camp.example") {
			t.Errorf("status %+v", s)
		}
		issueTo(t, id.CertificateFile, id.KeyFile, "nvr.camp.example")
		c.set(day.AddDate(0, 0, 80))
		if wait(); !strings.Contains(k.Status().Problem, "expires on") {
			t.Errorf("status %+v", k.Status())
		}
		// To the site's own authority and back.
		if err := k.Set(campNorth()); err != nil || k.RootPEM() == nil || k.Status().Own {
			t.Error(err)
		}
		if err := k.Set(id); err != nil || k.RootPEM() != nil {
			t.Error(err)
		}
		id.KeyFile = filepath.Join(dir, "none")
		if err := k.Set(id); err == nil || leaf(t, k) == nil || !k.Status().Own {
			t.Errorf("files that are not there: %v", err)
		}
	})
	if strings.Contains(log.String(), "PRIVATE") {
		t.Error("a key was logged")
	}
}
