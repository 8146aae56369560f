package sso

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds what is read of a provider's answer.
const maxAnswer = 1 << 20

// issuerOnly is a transport that reaches one scheme, host and port.
type issuerOnly struct {
	place string
	next  http.RoundTripper
}

// newClient makes a client that talks to the issuer and to nobody else.
func newClient(issuer *url.URL, authorities []byte, now func() time.Time) (*http.Client, error) {
	var roots *x509.CertPool
	if authorities != nil {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(authorities) {
			return nil, errors.New("its ca_file holds no certificate: put its authority there, in PEM")
		}
	}
	return &http.Client{
		Timeout: patience,
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			return fmt.Errorf("%w: redirect to %s", ErrForeign, r.URL.Host)
		},
		Transport: &issuerOnly{placeOf(issuer), &http.Transport{
			Proxy:                  nil, // one that the environment names is somebody else
			DialContext:            (&net.Dialer{Timeout: patience / 2}).DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, Time: now},
			TLSHandshakeTimeout:    patience / 2,
			ResponseHeaderTimeout:  patience,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
		}},
	}, nil
}

// RoundTrip refuses every place but the issuer's, and bounds the answer.
func (t *issuerOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if place := placeOf(r.URL); place != t.place {
		if r.Body != nil {
			_ = r.Body.Close() // the contract of a RoundTripper
		}
		return nil, fmt.Errorf("%w: %s is not %s", ErrForeign, place, t.place)
	}
	res, err := t.next.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxAnswer)
	}
	return res, err
}

// placeOf gives scheme, host and port of a URL in one spelling.
func placeOf(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
