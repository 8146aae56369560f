package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/ui/auth"
)

func TestNamesCertificateAndProvidersChangeWithoutARestart(t *testing.T) { inside(t, "new-faces") }

// ssoText is a provider that is never asked: its users have signed in before.
const ssoText = `
  sso:
    - id: camp
      issuer: https://login.camp.example
      client_id: nvr
      roles: [{group: guards, role: operator, all: true}, {group: staff, role: viewer, all: true}]`

// faces is what the site file says of names, certificate and provider.
func (h *household) faces(names, certificate, sso string) error {
	file := strings.ReplaceAll(peopleSite, "DIR", filepath.Dir(h.config))
	file = strings.Replace(file, "names: [nvr.camp.example, 10.9.0.1]", "names: ["+names+"]", 1)
	file = strings.Replace(file, "accounts: {two_persons: true, confirm_within: 15m}\n", "accounts:\n  idle: 20m"+sso+"\n"+certificate, 1)
	return os.WriteFile(h.config, []byte(file), 0o600)
}

// changedFaces changes all that people see of a recorder under one that runs.
func changedFaces(nvr string) error {
	dir := os.TempDir()
	if _, err := plugCamera("nic1", "10.20.1.11", "02:00:00:00:00:11"); err != nil {
		return err
	}
	h := &household{nvr: nvr, config: filepath.Join(dir, "nvr.yaml")}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := errors.Join(
		netlink.AddrAdd(lo, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 9, 0, 1), Mask: net.CIDRMask(32, 32)}}),
		h.faces("nvr.camp.example, 10.9.0.1", "", ssoText),
	); err != nil {
		return err
	}
	if err := h.start(dir); err != nil {
		return err
	}
	if err := errors.Join(h.firstAdmin(dir), h.r.kill()); err != nil {
		return err
	}
	guard, clerk, err := h.signedInBefore()
	if err != nil {
		return err
	}
	if err := h.start(dir); err != nil {
		return err
	}
	defer func() { _ = h.r.kill() }()
	if err := errors.Join(guard.is(h, "signed-in"), clerk.is(h, "signed-in")); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	heard, err := h.listen(ctx, dir)
	if err != nil {
		return err
	}
	if err := h.newFaces(dir); err != nil {
		return fmt.Errorf("%w\n%s", err, h.r.logged)
	}
	if err := h.dismissed(guard, clerk); err != nil {
		return fmt.Errorf("%w\n%s", err, h.r.logged)
	}
	before := heard.Load()
	if err := h.r.await("the connection from before to go on", 30*time.Second, func() bool { return heard.Load() > before }); err != nil {
		return err
	}
	if n := strings.Count(h.r.logged.String(), "msg=listening"); n != 1 {
		return fmt.Errorf("it listened %d times", n)
	}
	return h.stillNeedsRestart()
}

// outsider is a user of the provider, with a session and a token.
type outsider struct{ cookie, token string }

// signedInBefore makes two users of the provider, by group, as their sign-in would.
func (h *household) signedInBefore() (guard, clerk outsider, err error) {
	site, err := configs.Load(h.config)
	if err != nil {
		return guard, clerk, err
	}
	p, err := openPeople(peopleOptions{Site: func() *configs.Site { return site }, Mirrors: func() []string { return nil }, Log: newLogger(false)})
	if err != nil {
		return guard, clerk, err
	}
	from := auth.Source{IP: netip.MustParseAddr("10.9.0.1")}
	for group, o := range map[string]*outsider{"guards": &guard, "staff": &clerk} {
		m := mappingOf(site)["camp"]
		cookie, who, signErr := p.accounts.SignInExternal(auth.External{
			Provider: "camp", Issuer: m.Issuer, Subject: group, Name: group, Group: group, Grant: m.Groups[group],
		}, from)
		_, token, tokenErr := p.accounts.AddToken(who, auth.NewToken{Name: "x", Expires: time.Now().Add(time.Hour)}, "")
		*o, err = outsider{cookie, token}, errors.Join(err, signErr, tokenErr)
	}
	return guard, clerk, errors.Join(err, p.close())
}

// is checks what state the page is in for a session, and that the token agrees.
func (o outsider) is(h *household, want string) error {
	var s struct{ State string }
	as := &household{https: h.https, cookie: o.cookie}
	if err := as.exchange("GET", "session", nil, &s); err != nil || s.State != want {
		return fmt.Errorf("the state is %q, not %q: %w", s.State, want, err)
	}
	program := *h.https
	program.token = o.token
	body, err := program.get(context.Background(), "session", nil)
	if err == nil {
		body.Close()
	}
	if (err == nil) != (want == "signed-in") {
		return fmt.Errorf("the token of one who is %s: %w", want, err)
	}
	return nil
}

// listen opens an event stream, and counts what comes over that one connection.
func (h *household) listen(ctx context.Context, dir string) (*atomic.Int64, error) {
	c, err := clientWith(filepath.Join(dir, "root.crt"))
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://10.9.0.1:8443/api/v1/events", http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Cookie", "__Host-nvr="+h.cookie)
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("events: %s", res.Status)
	}
	heard := new(atomic.Int64)
	go func() {
		defer res.Body.Close()
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			heard.Add(1)
		}
	}()
	return heard, nil
}

// clientWith trusts an authority, and reaches the recorder by whatever name.
func clientWith(ca string) (*http.Client, error) {
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", "10.9.0.1:8443")
		},
	}}, nil
}

// opens tells whether a client that trusts the authority opens the page by the name.
func opens(ca, name string) func() bool {
	return func() bool {
		c, err := clientWith(ca)
		if err != nil {
			return false
		}
		res, err := c.Get("https://" + name + ":8443/api/v1/session")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body) // the status says it
		return res.StatusCode == http.StatusOK
	}
}

// newFaces changes names, then certificate, then back, and asks by each.
func (h *household) newFaces(dir string) error {
	root, own := filepath.Join(dir, "root.crt"), filepath.Join(dir, "own.crt")
	if opens(root, "north.camp.example")() {
		return errors.New("a name is answered for that the site file does not have")
	}
	if err := ownCertificate(own, filepath.Join(dir, "own.key"), "north.camp.example", "10.9.0.1"); err != nil {
		return err
	}
	certificate := fmt.Sprintf("tls: {certificate_file: %s, key_file: %s}\n", own, filepath.Join(dir, "own.key"))
	for _, step := range []struct {
		what, names, certificate, ca, opens, refuses string
	}{
		{"the new name", "north.camp.example, 10.9.0.1", "", root, "north.camp.example", "nvr.camp.example"},
		{"the certificate files", "north.camp.example, 10.9.0.1", certificate, own, "north.camp.example", "nvr.camp.example"},
		{"the recorder's own root", "nvr.camp.example, 10.9.0.1", "", root, "nvr.camp.example", "north.camp.example"},
	} {
		if err := h.faces(step.names, step.certificate, ssoText); err != nil {
			return err
		}
		if err := h.r.await(step.what, 20*time.Second, opens(step.ca, step.opens)); err != nil {
			return err
		}
		if opens(step.ca, step.refuses)() {
			return fmt.Errorf("%s: %s is still answered for", step.what, step.refuses)
		}
		fmt.Println(step.what)
	}
	return nil
}

// dismissed takes the role of one group, and then the provider, out of the site file.
func (h *household) dismissed(guard, clerk outsider) error {
	const names = "nvr.camp.example, 10.9.0.1"
	if err := h.faces(names, "", strings.Replace(ssoText, ", {group: staff, role: viewer, all: true}", "", 1)); err != nil {
		return err
	}
	if err := h.r.await("the group without a role to be signed out", 20*time.Second, func() bool { return clerk.is(h, "signed-out") == nil }); err != nil {
		return err
	}
	if err := errors.Join(guard.is(h, "signed-in"), h.audited("no+role+any+more", "user.change")); err != nil {
		return err
	}
	if err := h.faces(names, "", ""); err != nil {
		return err
	}
	if err := h.r.await("the users of a provider that left to be signed out", 20*time.Second, func() bool { return guard.is(h, "signed-out") == nil }); err != nil {
		return err
	}
	var s struct{ Providers []struct{ ID string } }
	if err := errors.Join(h.exchange("GET", "session", nil, &s), h.audited("not+in+the+site+file", "user.change")); err != nil || len(s.Providers) != 0 {
		return fmt.Errorf("providers %v: %w", s.Providers, err)
	}
	return nil
}

// stillNeedsRestart changes what cannot be changed at once: health says which key.
func (h *household) stillNeedsRestart() error {
	file, err := os.ReadFile(h.config)
	if err != nil {
		return err
	}
	if err := os.WriteFile(h.config, []byte(strings.Replace(string(file), "0.0.0.0:8443", "0.0.0.0:8444", 1)), 0o600); err != nil {
		return err
	}
	return h.r.await("the restart to be asked for", 20*time.Second, func() bool {
		body, err := h.r.api.get(context.Background(), "health", nil)
		if err != nil {
			return false
		}
		defer body.Close()
		var v struct{ Checks []struct{ Detail string } }
		if err := json.NewDecoder(body).Decode(&v); err != nil {
			return false
		}
		for _, c := range v.Checks {
			if strings.HasPrefix(c.Detail, "listen.http: such a change needs a restart") {
				return true
			}
		}
		return false
	})
}

// ownCertificate writes a certificate that signs itself.
func ownCertificate(certificate, keyFile string, names ...string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Camp"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600),
	)
}
