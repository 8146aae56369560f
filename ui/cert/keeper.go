package cert

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Keeper keeps the certificate in force. It is made by New or Open; Run renews.
type Keeper struct {
	dir string
	log *slog.Logger
	now func() time.Time

	current atomic.Pointer[tls.Certificate] // what handshakes take

	mu      sync.Mutex // guards what follows; held over reading and writing files, never by a handshake
	id      Identity
	wanted  Identity   // who the recorder is to be as soon as that can be had
	pending bool       // wanted is not in force yet
	root    *authority // nil with certificate files
	unkept  []byte     // content of the leaf's file that could not be written yet
	problem string     // of the last look, told once
}

// New gives a Keeper that has no certificate yet: Ready or Run gets one.
func New(o Options) *Keeper {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	k := &Keeper{dir: o.Dir, log: o.Log, now: o.Now, wanted: o.Identity, pending: true}
	k.wanted.Names = slices.Clone(o.Identity.Names)
	return k
}

// Open gives a Keeper whose certificate can be used at once: it reads or makes
// what is missing. An error says what to do; a root that cannot be read is one.
func Open(o Options) (*Keeper, error) {
	k := New(o)
	if err := k.Ready(); err != nil {
		return nil, err
	}
	return k, nil
}

// Ready returns nil once there is a certificate, and tries to get one. An error
// says what to do.
func (k *Keeper) Ready() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current.Load() != nil {
		return nil
	}
	return k.catchUp()
}

// Set changes who the recorder is, and with it the certificate, before it
// returns. After an error the certificate before stays in force, and Run tries again.
func (k *Keeper) Set(id Identity) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	id.Names = slices.Clone(id.Names)
	k.wanted, k.pending = id, true
	return k.catchUp()
}

// catchUp becomes who the recorder is to be, unless it is that already.
func (k *Keeper) catchUp() error {
	if !k.pending {
		return nil
	}
	err := k.become(k.wanted)
	k.pending = err != nil
	return err
}

// become changes the identity in force; after an error everything is as it was.
func (k *Keeper) become(id Identity) error {
	if id.own() {
		p, err := readPair(id.CertificateFile, id.KeyFile)
		if err != nil {
			return fmt.Errorf("%w: see tls in the site file", err)
		}
		k.id, k.root, k.unkept, k.problem = id, nil, nil, ""
		k.current.Store(p.cert)
		return nil
	}
	root, leaf := k.root, k.current.Load()
	if root == nil {
		var made bool
		var err error
		if root, made, err = openAuthority(k.rootFile(), id, k.clock()); err != nil {
			return err
		}
		if made {
			k.log.Info("made the site's own root: install it where people use the recorder",
				"fingerprint", fingerprint(root.cert.Raw), "until", root.cert.NotAfter)
		}
		leaf = nil
		// A leaf costs nothing, so a file of it that is damaged or lost is no error.
		if p, err := readPair(k.leafFile(), k.leafFile()); err == nil {
			leaf = p.cert
		}
	}
	next, content, err := k.successor(root, leaf, wanted(id.Names))
	if err != nil {
		return err
	}
	k.id, k.root, k.problem = id, root, ""
	k.take(next, content)
	k.note(k.keep())
	return nil
}

func (k *Keeper) rootFile() string { return filepath.Join(k.dir, "root.pem") }
func (k *Keeper) leafFile() string { return filepath.Join(k.dir, "leaf.pem") }

// clock is the time, as far as it can be believed.
func (k *Keeper) clock() time.Time {
	now := k.now().UTC()
	if now.Before(earliest()) {
		return earliest()
	}
	return now
}

// Run keeps the certificate in force until ctx ends; then it returns nil.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			k.look()
		}
	}
}

// look catches up, renews what is due and takes certificate files that have changed.
func (k *Keeper) look() {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.catchUp()
	if k.current.Load() != nil {
		err = errors.Join(err, k.renew())
	}
	k.note(err)
}

func (k *Keeper) renew() error {
	if k.id.own() {
		return k.reread()
	}
	next, content, err := k.successor(k.root, k.current.Load(), wanted(k.id.Names))
	if err != nil {
		return err
	}
	k.take(next, content)
	return k.keep()
}

// note keeps what is wrong for Status, and logs it once.
func (k *Keeper) note(err error) {
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	switch {
	case problem == k.problem:
	case problem != "":
		k.log.Error("certificate not renewed as it should be", "error", problem)
	default:
		k.log.Info("certificate renewed again")
	}
	k.problem = problem
}

// reread takes the certificate files if they hold another pair that fits.
func (k *Keeper) reread() error {
	p, err := readPair(k.id.CertificateFile, k.id.KeyFile)
	if err != nil {
		return err
	}
	if slices.EqualFunc(p.cert.Certificate, k.current.Load().Certificate, slices.Equal) {
		return nil
	}
	k.current.Store(p.cert)
	k.log.Info("certificate files taken", "names", namesOf(p.leaf()), "until", p.leaf().NotAfter)
	return nil
}

// take puts a leaf in force; content is its file's, nil when it was read from there.
func (k *Keeper) take(cert *tls.Certificate, content []byte) {
	k.current.Store(cert)
	if content != nil {
		k.unkept = content
		k.log.Info("certificate made", "names", namesOf(cert.Leaf), "until", cert.Leaf.NotAfter)
	}
}

// keep writes the leaf in force for the next start, if that is still to be
// done. One that cannot be written is used all the same.
func (k *Keeper) keep() error {
	if k.unkept == nil {
		return nil
	}
	if err := publish(k.leafFile(), k.unkept); err != nil {
		return fmt.Errorf("keep the certificate: %w", err)
	}
	k.unkept = nil
	return nil
}

// successor gives the leaf that should be in force: the one that is, or a new
// one and the content of its file.
func (k *Keeper) successor(root *authority, leaf *tls.Certificate, names []string) (*tls.Certificate, []byte, error) {
	may, _ := root.split(names)
	at := k.clock()
	if leaf != nil && root.signed(leaf.Leaf) {
		made := leaf.Leaf.NotBefore.Add(backdated)
		believed := !k.now().Before(earliest())
		switch {
		case !same(may, namesOf(leaf.Leaf)):
			if !believed {
				at = made // better than what the clock says
			}
		case !believed,
			!at.Before(leaf.Leaf.NotBefore) && at.Before(made.Add(renewAt)),
			// The root's own end cannot be renewed away.
			!at.Before(leaf.Leaf.NotBefore) && !leaf.Leaf.NotAfter.Before(root.cert.NotAfter):
			return leaf, nil, nil
		}
	}
	next, content, err := root.issue(may, at)
	if err != nil {
		return nil, nil, fmt.Errorf("make a certificate: %w", err)
	}
	return next, content, nil
}

// TLSConfig is for a server: TLS 1.2 and later, HTTP/2 and HTTP/1.1, always with
// the certificate in force. A WebSocket asks for HTTP/1.1 by itself.
func (k *Keeper) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		// Of TLS 1.2 only what has forward secrecy and authenticated encryption.
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if c := k.current.Load(); c != nil {
				return c, nil
			}
			return nil, errors.New("there is no certificate")
		},
	}
}

// RootPEM is the root that people install, in PEM; nil with certificate files.
func (k *Keeper) RootPEM() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.root == nil {
		return nil
	}
	return k.root.rootPEM()
}

// Fingerprint is the SHA-256 of what people trust, as browsers write it: of the
// root, with certificate files of the certificate. It is empty without any.
func (k *Keeper) Fingerprint() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.print()
}

func (k *Keeper) print() string {
	if k.root != nil {
		return fingerprint(k.root.cert.Raw)
	}
	if c := k.current.Load(); c != nil {
		return fingerprint(c.Certificate[0])
	}
	return ""
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(pairs, ":")
}
