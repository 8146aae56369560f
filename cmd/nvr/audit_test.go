package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/internal/proof"
	"github.com/stockade-nvr/stockade/ui/audit"
)

const auditSite = `version: 1
site: {name: Ledger, zone: UTC}
storage:
  state: DIR/state
  volumes: [{path: DIR/video, reserve: 1MiB}]
camera_network: {ports: [nic1], addresses: [10.20.0.1/16]}
devices:
  - {id: dev-a, ip: 10.20.1.11, mac: "02:00:00:00:00:11"}
cameras:
  - {id: gate, device: dev-a, streams: {main: {path: /main}}}
`

// auditedSite makes a site with 50 entries and gives its site file and state directory.
func auditedSite(t *testing.T) (config, state string) {
	t.Helper()
	dir := t.TempDir()
	config, state = filepath.Join(dir, "nvr.yaml"), filepath.Join(dir, "state")
	must(t, os.WriteFile(config, []byte(strings.ReplaceAll(auditSite, "DIR", dir)), 0o600))
	for _, name := range []string{"state", "video"} {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
	}
	l, db := auditLog(t, state)
	defer db.Close()
	for range 50 {
		must(t, l.Append(audit.Entry{Actor: "box:kim", Action: "user.changed"}))
	}
	return config, state
}

func auditLog(t *testing.T, state string) (*audit.Log, *bbolt.DB) {
	t.Helper()
	key, err := proof.OpenKey(state)
	must(t, err)
	db, err := bbolt.Open(filepath.Join(state, stateName), 0o600, &bbolt.Options{Timeout: time.Second, NoSync: true})
	must(t, err)
	db.MaxBatchDelay = 0
	l, err := audit.Open(audit.Options{DB: db, Key: key})
	must(t, err)
	return l, db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// nvr runs the command line in this process.
func nvr(args ...string) (string, error) {
	var out bytes.Buffer
	c := newCommand(nil)
	c.SetArgs(args)
	c.SetOut(&out)
	err := c.Execute()
	return out.String(), err
}

func TestAuditVerifyNamesAChangedRecord(t *testing.T) {
	config, state := auditedSite(t)
	out, err := nvr("audit", "verify", "--config", config)
	if err != nil || !strings.HasPrefix(out, "fine: 50 entries") || !strings.Contains(out, "has no copy of a head") {
		t.Fatalf("%v: %s", err, out)
	}
	db, err := bbolt.Open(filepath.Join(state, stateName), 0o600, &bbolt.Options{Timeout: time.Second})
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		records := tx.Bucket([]byte("audit")).Bucket([]byte("records"))
		key := binary.BigEndian.AppendUint64(nil, 17)
		return records.Put(key, bytes.Replace(bytes.Clone(records.Get(key)), []byte("kim"), []byte("lee"), 1))
	}))
	must(t, db.Close())
	out, err = nvr("audit", "verify", "--config", config, "--json")
	var f finding
	if !errors.As(err, &f) || !strings.Contains(err.Error(), "record 17 changed") {
		t.Errorf("got %v", err)
	}
	var r audit.Report
	must(t, json.Unmarshal([]byte(out), &r))
	if r.OK || r.Findings[0].Seq != 17 {
		t.Errorf("report %+v", r)
	}
}

func TestAuditVerifyWithAKeyKeptElsewhere(t *testing.T) {
	config, _ := auditedSite(t)
	other := t.TempDir()
	_, err := proof.OpenKey(other)
	must(t, err)
	_, err = nvr("audit", "verify", "--config", config, "--key", filepath.Join(other, proof.PublicName))
	var f finding
	if !errors.As(err, &f) || !strings.Contains(err.Error(), "another key") {
		t.Errorf("got %v", err)
	}
}

func TestAuditAsksTheDaemonThatHasTheDatabase(t *testing.T) {
	config, state := auditedSite(t)
	l, db := auditLog(t, state)
	defer db.Close()
	if _, err := nvr("audit", "verify", "--config", config); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("without a daemon that answers: %v", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/audit/verify", func(w http.ResponseWriter, r *http.Request) {
		report, err := l.Verify(r.Context())
		if err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(report)
	})
	mux.HandleFunc("GET /api/v1/audit/export", func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("format") != "csv" || q.Get("from") != "2026-01-01T00:00:00Z" {
			t.Errorf("asked for %v", q)
		}
		if err := l.Export(r.Context(), w, audit.Filter{}, audit.CSV); err != nil {
			t.Error(err)
		}
	})
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(state, socketName))
	if err != nil {
		t.Fatal("listen on the socket: ", err, ": set TMPDIR to a shorter path")
	}
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go srv.Serve(ln)
	defer srv.Close()
	if out, err := nvr("audit", "verify", "--config", config); err != nil || !strings.HasPrefix(out, "fine: 50 entries") {
		t.Errorf("%v: %s", err, out)
	}
	file := filepath.Join(t.TempDir(), "audit.csv")
	if _, err := nvr("audit", "export", "--config", config, "--from", "2026-01-01T00:00:00Z", "--format", "csv", "-o", file); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(file); err != nil || strings.Count(string(text), "\n") != 51 {
		t.Errorf("%v: %s", err, text)
	}
}

func TestAuditExportOfAStoppedRecorder(t *testing.T) {
	config, _ := auditedSite(t)
	file := filepath.Join(t.TempDir(), "audit.ndjson")
	if _, err := nvr("audit", "export", "--config", config, "-o", file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	must(t, err)
	if n := strings.Count(string(text), `"entry":`); n != 50 || strings.Count(string(text), "\n") != 52 {
		t.Errorf("%d entries in\n%s", n, text)
	}
	if _, err := nvr("audit", "export", "--config", config, "-o", file); err == nil {
		t.Error("a file that exists was overwritten")
	}
	for _, args := range [][]string{{"--from", "yesterday"}, {"--format", "xml"}} {
		if _, err := nvr(append([]string{"audit", "export", "--config", config, "-o", file + ".2"}, args...)...); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

func TestAuditWithoutADatabase(t *testing.T) {
	config, state := auditedSite(t)
	must(t, os.Remove(filepath.Join(state, stateName)))
	if _, err := nvr("audit", "verify", "--config", config); err == nil || !strings.Contains(err.Error(), "nothing was audited yet") {
		t.Errorf("got %v", err)
	}
}
