package cert

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/stockade-nvr/stockade/internal/durable"
)

// maxFile bounds a certificate file: a long chain has 20 KiB.
const maxFile = 1 << 20

// pair is a certificate with its key.
type pair struct{ cert *tls.Certificate }

func (p pair) leaf() *x509.Certificate { return p.cert.Leaf }

// readPair reads the site's own certificate files.
func readPair(certificate, key string) (pair, error) {
	c, err := readFile(certificate)
	if err != nil {
		return pair{}, fmt.Errorf("read the certificate: %w", err)
	}
	k, err := readFile(key)
	if err != nil {
		return pair{}, fmt.Errorf("read the key: %w", err)
	}
	p, err := parsePair(c, k)
	if err != nil {
		return pair{}, fmt.Errorf("use %s with %s: %w", certificate, key, err)
	}
	return p, nil
}

// parsePair parses a certificate, its chain behind it, and its key, in PEM.
func parsePair(certificate, key []byte) (pair, error) {
	c, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return pair{}, err // says which of the two is wrong, or that they do not match
	}
	if c.Leaf == nil {
		if c.Leaf, err = x509.ParseCertificate(c.Certificate[0]); err != nil {
			return pair{}, err
		}
	}
	return pair{&c}, nil
}

// readFile reads no more than a certificate file may have. What else can be
// opened, such as a pipe, might keep its reader waiting.
func readFile(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return content, err
}

// publish replaces a file that nobody else may read, and makes its directory.
func publish(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.Replace(path, content, nil)
}
