package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.etcd.io/bbolt"
)

func TestNothingOfThePageKeepsARecorderFromRecording(t *testing.T) { inside(t, "faces") }

// faceless starts the recorder on a machine where nothing that people need can
// be had: it contains and records all the same, and serves people as soon as it can.
func faceless(nvr string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir := os.TempDir()
	_, config, err := labSite(ctx, dir)
	if err != nil {
		return err
	}
	// Off loopback the page needs a certificate too.
	if err := edit(config, "http: 127.0.0.1:8080", `http: "10.9.0.1:8443"`); err != nil {
		return err
	}
	if err := edit(config, "camera_network:\n", strings.ReplaceAll(providerPart, "DIR", dir)+"camera_network:\n"); err != nil {
		return err
	}
	restore, err := obstruct(dir)
	if err != nil {
		return err
	}
	r, err := startRecorder(nvr, config)
	if err != nil {
		return err
	}
	defer func() { _ = r.kill() }()
	if err := r.await("footage on the disk", 60*time.Second, func() bool {
		files, err := footageIn(filepath.Join(dir, "video"))
		return err == nil && len(files) >= 4
	}); err != nil {
		return err
	}
	if out, err := exec.Command(nvr, "firewall", "status", "--config", config).CombinedOutput(); err != nil || !holds(string(out)) {
		return fmt.Errorf("the firewall is: %w: %s", err, out)
	}
	if !strings.Contains(r.logged.String(), "accounts cannot be opened") || !strings.Contains(r.logged.String(), "kept in memory only") {
		return fmt.Errorf("it does not say what it lacks\n%s", r.logged)
	}
	if err := errors.Join(restore[stateName](), restore[socketName]()); err != nil {
		return err
	}
	if err := r.await("sign-on to be missed", 30*time.Second, func() bool {
		return strings.Contains(r.health(), "secret of sign-on provider camp")
	}); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("s3cret\n"), 0o600); err != nil {
		return err
	}
	if err := r.await("sign-on", 30*time.Second, func() bool { return !strings.Contains(r.health(), "sign-on") }); err != nil {
		return err
	}
	// Accounts and the audit do not wait for the certificate.
	if err := r.await("the socket to say what the page lacks", 30*time.Second, func() bool {
		return strings.Contains(r.health(), "the page has no certificate")
	}); err != nil {
		return err
	}
	if out, err := exec.Command(nvr, "user", "list", "--config", config).CombinedOutput(); err != nil {
		return fmt.Errorf("user list: %w: %s", err, out)
	}
	if err := restore["root.pem"](); err != nil {
		return err
	}
	if err := r.await("health to say that the address is not there", 30*time.Second, func() bool {
		return strings.Contains(r.health(), "bind: cannot assign requested address")
	}); err != nil {
		return err
	}
	if err := restore["address"](); err != nil {
		return err
	}
	if err := r.await("the page", 30*time.Second, func() bool {
		c, err := tls.Dial("tcp", "10.9.0.1:8443", &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return false
		}
		c.Close()
		return !strings.Contains(r.health(), taskPage)
	}); err != nil {
		return err
	}
	return besideACommand(nvr, config, r)
}

// besideACommand starts the recorder while a command has the state database open:
// it records, and opens it when the command has ended. A second recorder does not start.
func besideACommand(nvr, config string, r *recorderProcess) error {
	if out, err := exec.Command(nvr, "run", "--config", config).CombinedOutput(); err == nil || !strings.Contains(string(out), "nvr is running already") {
		return fmt.Errorf("a second recorder: %w: %s", err, out)
	}
	if err := r.kill(); err != nil {
		return err
	}
	dir := filepath.Dir(config)
	reader, err := bbolt.Open(filepath.Join(dir, "state", stateName), 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	before, err := footageIn(filepath.Join(dir, "video"))
	if err != nil {
		return err
	}
	if r, err = startRecorder(nvr, config); err != nil {
		return err
	}
	defer func() { _ = r.kill() }()
	if err := r.await("it to record beside a command", 60*time.Second, func() bool {
		now, err := footageIn(filepath.Join(dir, "video"))
		return err == nil && len(now) >= len(before)+4 && strings.Contains(r.logged.String(), "a command of nvr has it open")
	}); err != nil {
		return err
	}
	if err := reader.Close(); err != nil {
		return err
	}
	return r.await("accounts to open", 30*time.Second, func() bool {
		out, err := exec.Command(nvr, "user", "list", "--config", config).CombinedOutput()
		return err == nil && strings.Contains(string(out), "NAME") && !strings.Contains(r.health(), "connection refused") && strings.Contains(r.logged.String(), "accounts are open")
	})
}

const providerPart = `accounts:
  sso:
    - {id: camp, name: Camp, issuer: "https://sso.camp.example", client_id: nvr, client_secret_file: DIR/secret, roles: [{group: guards, role: viewer, all: true}]}
`

// edit changes a part of a file.
func edit(file, old, is string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), old) {
		return fmt.Errorf("%s has no %q", file, old)
	}
	return os.WriteFile(file, []byte(strings.Replace(string(text), old, is, 1)), 0o600)
}

// obstruct takes away what people need, until it is given back by name: the
// address of the page is not up, the site's own root is damaged, something lies
// where the socket goes, no database can be made; the attempts' neither.
func obstruct(dir string) (restore map[string]func() error, err error) {
	inTheWay := filepath.Join(dir, "state", socketName)
	root := filepath.Join(dir, "state", "tls", "root.pem")
	if err := errors.Join(
		os.MkdirAll(filepath.Join(inTheWay, "x"), 0o700),
		os.MkdirAll(filepath.Dir(root), 0o700),
		os.MkdirAll(filepath.Join(dir, "state", "journal.db", "x"), 0o700),
		os.Symlink("nowhere/"+stateName, filepath.Join(dir, "state", stateName)),
		os.WriteFile(root, []byte("half a"), 0o600),
	); err != nil {
		return nil, err
	}
	return map[string]func() error{
		socketName: func() error { return os.RemoveAll(inTheWay) },
		stateName:  func() error { return os.Remove(filepath.Join(dir, "state", stateName)) },
		"root.pem": func() error { return os.Remove(root) },
		"address": func() error {
			lo, err := netlink.LinkByName("lo")
			if err != nil {
				return err
			}
			at, err := netlink.ParseAddr("10.9.0.1/32")
			if err != nil {
				return err
			}
			return netlink.AddrAdd(lo, at)
		},
	}, nil
}
