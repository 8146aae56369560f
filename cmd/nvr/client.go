package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/ui"
)

// defaultServer is the daemon of this box, where its site file is the usual one.
const defaultServer = "unix:/var/lib/nvr/state/" + socketName

// serverFlags say which recorder to ask, and as whom.
type serverFlags struct{ server, tokenFile, caFile string }

func (f *serverFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.server, "server", defaultServer, "where nvr runs: unix:PATH, https://HOST[:PORT], or http:// on loopback")
	c.Flags().StringVar(&f.tokenFile, "token-file", "", "file with an API token, mode 0600; not needed through the socket")
	c.Flags().StringVar(&f.caFile, "ca", "", "root certificate of the recorder, as http(s)://HOST/ca.crt gives it (default: the system's)")
}

// client makes what asks that recorder.
func (f *serverFlags) client() (*client, error) {
	c, err := newClient(f.server)
	if err != nil {
		return nil, err
	}
	if f.caFile != "" {
		pem, err := os.ReadFile(f.caFile)
		if err != nil {
			return nil, fmt.Errorf("read --ca: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca %s holds no certificate in PEM", f.caFile)
		}
		c.transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	if f.tokenFile != "" {
		if !c.local && c.base.Scheme != "https" && !loopbackName(c.base.Hostname()) {
			return nil, fmt.Errorf("a token does not go to %s without encryption: write --server https://", c.base.Host)
		}
		if c.token, err = readToken(f.tokenFile); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func loopbackName(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// readToken reads a token that nobody else may read.
func readToken(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read --token-file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("--token-file %s can be read by others: chmod 600 %s, and make a new token", path, path)
	}
	secret, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read --token-file: %w", err)
	}
	return strings.TrimSpace(string(secret)), nil
}

// client asks a running recorder over the same API that the page uses.
type client struct {
	base      *url.URL
	http      *http.Client
	transport *http.Transport
	token     string
	local     bool   // through the daemon's own socket
	ifMatch   string // revision of the site file that a change is of

	header http.Header // of the last answer
}

// newClient takes unix:PATH, https://HOST[:PORT] or http://LOOPBACK:PORT.
func newClient(server string) (*client, error) {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	c := &client{transport: &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true}}
	if path, ok := strings.CutPrefix(server, "unix:"); ok {
		c.local = true
		c.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		}
		server = "http://localhost"
	}
	base, err := url.Parse(server)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("--server %q is not an address such as unix:/var/lib/nvr/state/nvr.sock or https://nvr.camp.example", server)
	}
	c.base = base
	// A redirect would carry the token somewhere else.
	c.http = &http.Client{Transport: c.transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return c, nil
}

// errUnreachable says that nothing answers where the recorder should.
var errUnreachable = errors.New("is nvr running? name it with --server")

// get opens an endpoint below /api/v1. The caller closes the body.
func (c *client) get(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	return c.send(ctx, http.MethodGet, path, query, nil)
}

// call sends a value, if there is one, and reads the answer into another.
func (c *client) call(ctx context.Context, method, path string, sent, into any) error {
	body, err := c.send(ctx, method, path, nil, sent)
	if err != nil {
		return err
	}
	defer body.Close()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}

// send opens an endpoint below /api/v1. The caller closes the body.
func (c *client) send(ctx context.Context, method, path string, query url.Values, sent any) (io.ReadCloser, error) {
	u := c.base.JoinPath("api/v1", path)
	u.RawQuery = query.Encode()
	content := io.Reader(http.NoBody)
	if sent != nil {
		text, err := json.Marshal(sent)
		if err != nil {
			return nil, fmt.Errorf("ask %s: %w", u.Redacted(), err)
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), content)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", u.Redacted(), err)
	}
	if sent != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.ifMatch != "" {
		req.Header.Set("If-Match", c.ifMatch)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.local {
		req.Header.Set(ui.OperatorHeader, operator())
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the recorder: %w (%w)", err, errUnreachable)
	}
	c.header = res.Header
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	problem := ui.Problem{Message: res.Status}
	// An answer that is no JSON leaves the status line, which says enough.
	_ = json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&problem)
	problem.Status = res.StatusCode
	return nil, rejection{u.Path, &problem}
}

// rejection is what the recorder says when it does not do something.
type rejection struct {
	path    string
	problem *ui.Problem
}

// Error gives the message with its fix, in one line.
func (r rejection) Error() string {
	switch {
	case r.problem.Status == http.StatusUnauthorized:
		return printable(r.problem.Message) + ": give --token-file with a token of yours, or ask on the box through the socket"
	case r.problem.Fix != "":
		return printable(r.problem.Message) + ": " + printable(r.problem.Fix)
	}
	return r.path + ": " + printable(r.problem.Message)
}
