package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/ui"
)

// ownPages opens the pages of a camera, in its own namespace, through a recorder
// that enforces: the connection that it opens is all that there is to that.
func (h *household) ownPages(string) error {
	var ln net.Listener
	err := h.camera.Do(func() (err error) {
		ln, err = net.Listen("tcp", "10.20.1.11:80")
		return err
	})
	if err != nil {
		return err
	}
	asked := make(chan *http.Request, 10)
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<a href="http://10.20.1.11/next">next</a>`)
	})}
	go func() { _ = srv.Serve(ln) }() // until it is closed
	defer srv.Close()
	if err := h.r.await("enforcement", 30*time.Second, func() bool {
		c, err := ask[ui.ContainmentView](h.r.api, "containment")
		return err == nil && holds(c.State)
	}); err != nil {
		return err
	}
	var opened ui.TunnelView
	if err := h.exchange("POST", "devices/dev-a/tunnel", map[string]any{"why": "focus", "minutes": 1}, &opened); err != nil {
		return err
	}
	var entrance struct{ URL string }
	if err := h.exchange("POST", "tunnels/"+opened.ID+"/entrance", struct{}{}, &entrance); err != nil {
		return err
	}
	if !strings.HasPrefix(entrance.URL, "https://10.9.0.1:9443/") {
		return fmt.Errorf("the frame begins at %s", entrance.URL)
	}
	cookie, _, err := h.frame(entrance.URL, "same-site", "")
	if err != nil {
		return err
	}
	_, page, err := h.frame("https://10.9.0.1:9443/", "same-origin", cookie)
	if err != nil || page != `<a href="https://10.9.0.1:9443/next">next</a>` {
		return fmt.Errorf("the page is %q: %w", page, err)
	}
	if r := <-asked; r.Host != "10.20.1.11" || !strings.HasPrefix(r.RemoteAddr, "10.20.0.1:") || r.Header.Get("Cookie") != "" {
		return fmt.Errorf("the device was asked by %s for %s, %v", r.RemoteAddr, r.Host, r.Header)
	}
	var done struct{}
	if err := h.exchange("DELETE", "tunnels/"+opened.ID, struct{}{}, &done); err != nil {
		return err
	}
	if _, page, err = h.frame("https://10.9.0.1:9443/", "same-origin", cookie); err != nil || !strings.Contains(page, "closed") {
		return fmt.Errorf("after closing, the page is %q: %w", page, err)
	}
	return nil
}

// frame asks as a frame does, and gives the cookie that it was given.
func (h *household) frame(url, site, cookie string) (given, body string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", "", err
	}
	for k, v := range map[string]string{"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Cookie": cookie} {
		if v != "" {
			req.Header.Set(k, v)
		}
	}
	client := *h.https.http
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		return "", "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	for _, c := range res.Cookies() {
		given = c.Name + "=" + c.Value
	}
	if cookie == "" && given == "" {
		err = errors.Join(err, fmt.Errorf("no cookie was given: %s: %s", res.Status, text))
	}
	return given, string(text), err
}
