package cert

import (
	"log/slog"
	"time"
)

// Options of a Keeper.
type Options struct {
	// Dir is where the site's own authority lives, such as STATE/tls. It is made
	// when it is needed.
	Dir      string
	Identity Identity

	Log *slog.Logger     // default: discard
	Now func() time.Time // the recorder's clock; default time.Now
}

// Identity is who the recorder is, as the site file says. Host names are in
// lower case, without port or wildcard.
type Identity struct {
	Site  string   // the site's name: a root that is made carries it
	Names []string // host names and addresses that people use

	// CertificateFile and KeyFile are the site's own certificate, in PEM, the
	// leaf first. Both or neither: then the recorder has an authority of its own.
	CertificateFile, KeyFile string
}

func (i Identity) own() bool { return i.CertificateFile != "" }

// Status is what a person needs to know about the certificate.
type Status struct {
	Own         bool      // from certificate files, not from the site's own authority
	Names       []string  // that the certificate is good for
	NotBefore   time.Time // of the certificate
	NotAfter    time.Time
	Renews      time.Time // when it is renewed by itself; zero with certificate files
	RootExpires time.Time // zero with certificate files
	Fingerprint string    // as Keeper.Fingerprint gives it

	// Problem says what is wrong, and Fix what to do; empty when nothing is.
	Problem, Fix string
}

// How long things last.
const (
	rootLife = 10 * 365 * 24 * time.Hour
	leafLife = 90 * 24 * time.Hour
	renewAt  = leafLife * 2 / 3
	// backdated is how far a clock may be set back before the leaf is replaced.
	backdated = 7 * 24 * time.Hour
	// warnBefore is when the end of something that people must renew is told.
	warnBefore     = 14 * 24 * time.Hour
	warnRootBefore = 180 * 24 * time.Hour

	// lookEvery is how often the clock and the certificate files are looked at.
	lookEvery = 5 * time.Second
)

// earliest is a time that every right clock has passed.
func earliest() time.Time { return time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC) }
