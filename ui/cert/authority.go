package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// authority is the site's own: a root and its key.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// openAuthority reads the root of a file, or makes it. It never replaces one:
// people trust it on their machines.
func openAuthority(path string, id Identity, now time.Time) (a *authority, made bool, err error) {
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if a, content, err = newAuthority(id, now); err == nil {
			err = publish(path, content)
		}
		if err != nil {
			return nil, false, fmt.Errorf("make the site's own root: %w", err)
		}
		return a, true, nil
	case err != nil:
		return nil, false, fmt.Errorf("read the site's own root: %w", err)
	}
	pair, err := parsePair(content, content)
	if err != nil {
		return nil, false, fmt.Errorf("read the site's own root %s: %w: restore it, or move it away, and every machine has to install the new one", path, err)
	}
	key, ok := pair.cert.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.leaf().IsCA {
		return nil, false, fmt.Errorf("read the site's own root %s: it is not one that nvr made: to use a certificate of your own, name it under tls in the site file", path)
	}
	return &authority{pair.leaf(), key}, false, nil
}

// newAuthority makes a root that is constrained to what the site is called.
func newAuthority(id Identity, now time.Time) (*authority, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	domains, ranges := scope(id.Names)
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Organization: []string{"Stockade"}, CommonName: "Stockade root of " + shorten(id.Site)},
		// Valid from long ago: a root from a clock that ran ahead must do when the clock is right.
		NotBefore:             earliest(),
		NotAfter:              now.Add(rootLife),
		KeyUsage:              x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: domains, PermittedIPRanges: ranges,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("sign: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("read back: %w", err)
	}
	content, err := encode(der, key)
	return &authority{cert, key}, content, err
}

// issue makes a leaf for names that the root may sign for, and the content of
// its file.
func (a *authority) issue(names []string, at time.Time) (*tls.Certificate, []byte, error) {
	template := &x509.Certificate{
		SerialNumber: serial(),
		NotBefore:    at.Add(-backdated),
		NotAfter:     at.Add(leafLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if template.NotAfter.After(a.cert.NotAfter) {
		template.NotAfter = a.cert.NotAfter
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	template.Subject.CommonName = shorten(names[0])
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("sign: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("read back: %w", err)
	}
	content, err := encode(der, key)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, content, err
}

// split parts names into those that the root may sign for and the others.
func (a *authority) split(names []string) (may, left []string) {
	for _, name := range names {
		if a.permits(name) {
			may = append(may, name)
		} else {
			left = append(left, name)
		}
	}
	return may, left
}

// permits tells whether a leaf of the root may carry a name.
func (a *authority) permits(name string) bool {
	if ip := net.ParseIP(name); ip != nil {
		return slices.ContainsFunc(a.cert.PermittedIPRanges, func(n *net.IPNet) bool { return n.Contains(ip) })
	}
	return slices.ContainsFunc(a.cert.PermittedDNSDomains, func(d string) bool {
		return name == d || strings.HasSuffix(name, "."+d)
	})
}

// signed tells whether a leaf is this root's.
func (a *authority) signed(leaf *x509.Certificate) bool {
	return leaf.CheckSignatureFrom(a.cert) == nil
}

// rootPEM is the root without its key.
func (a *authority) rootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// encode gives certificate and key as one file.
func encode(der []byte, key *ecdsa.PrivateKey) ([]byte, error) {
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...), nil
}

// serial is a number that no other certificate has: 127 random bits.
func serial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

// shorten cuts what does not fit into a common name (64 characters).
func shorten(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}
