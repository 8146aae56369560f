package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/ui"
)

// client asks a running recorder over the same API that the page uses.
type client struct {
	base *url.URL
	http *http.Client

	header http.Header // of the last answer
}

// newClient takes http://HOST:PORT or unix:PATH.
func newClient(server string) (*client, error) {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	transport := &http.Transport{DialContext: dialer.DialContext}
	if path, ok := strings.CutPrefix(server, "unix:"); ok {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		}
		server = "http://localhost"
	}
	base, err := url.Parse(server)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("--server %q is not an address such as http://127.0.0.1:8080 or unix:/run/nvr/api.sock", server)
	}
	return &client{base: base, http: &http.Client{Transport: transport}}, nil
}

// get opens an endpoint below /api/v1. The caller closes the body.
func (c *client) get(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	u := c.base.JoinPath("api/v1", path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", u.Redacted(), err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the recorder: %w (is nvr running? name it with --server)", err)
	}
	c.header = res.Header
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	problem := ui.Problem{Message: res.Status}
	// An answer that is no JSON leaves the status line, which says enough.
	_ = json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&problem)
	if problem.Fix != "" {
		return nil, fmt.Errorf("%s: %s", problem.Message, problem.Fix)
	}
	return nil, fmt.Errorf("%s: %s", u.Path, problem.Message)
}
