package cert_test

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stockade-nvr/stockade/ui/cert"
)

func TestACertificateThatComesLater(t *testing.T) {
	dir := t.TempDir()
	crt, key := filepath.Join(dir, "nvr.crt"), filepath.Join(dir, "nvr.key")
	id := campNorth()
	id.CertificateFile, id.KeyFile = crt, key
	synctest.Test(t, func(t *testing.T) {
		k := cert.New(cert.Options{Dir: filepath.Join(dir, "tls"), Identity: id, Now: newClock(day).now})
		if err := k.Ready(); err == nil || !strings.Contains(err.Error(), "see tls in the site file") {
			t.Fatalf("ready without a certificate: %v", err)
		}
		if s := k.Status(); s.Problem == "" || s.Fix == "" || k.Fingerprint() != "" || k.RootPEM() != nil {
			t.Errorf("status %+v", s)
		}
		if _, err := k.TLSConfig().GetCertificate(&tls.ClientHelloInfo{}); err == nil {
			t.Error("a handshake gets a certificate that is not there")
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- k.Run(ctx) }()
		time.Sleep(6 * time.Second)
		// The site's own authority instead, then the files after all.
		own := campNorth()
		if err := k.Set(own); err != nil {
			t.Fatal(err)
		}
		if err := trusts(k, leaf(t, k), "nvr.camp.example", day); err != nil {
			t.Error(err)
		}
		if err := k.Set(id); err == nil {
			t.Fatal("files that are not there were taken")
		}
		time.Sleep(6 * time.Second)
		if s := k.Status(); s.Own || !strings.Contains(s.Problem, "the pair before stays in force") {
			t.Errorf("status %+v", s)
		}
		issueTo(t, crt, key, "nvr.camp.example")
		time.Sleep(6 * time.Second)
		if s := k.Status(); !s.Own {
			t.Errorf("files that came later were not taken: %+v", s)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAPipeIsNoCertificateFile(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	id := cert.Identity{CertificateFile: pipe, KeyFile: os.DevNull}
	if _, err := cert.Open(cert.Options{Identity: id}); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("got %v", err)
	}
}
