package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/internal/proof"
	"github.com/stockade-nvr/stockade/ui/audit"
)

// Names below the state directory.
const (
	stateName  = "state.db"
	socketName = "nvr.sock"
)

// stateWait is how long another verb may keep the state database; the daemon keeps it for good.
const stateWait = 300 * time.Millisecond

// newAuditCommand makes the verbs that read the audit log: from the database, or
// from the daemon while it has it open.
func newAuditCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "audit", Short: "Verify and export the account of who did what"})
	var config string
	c.PersistentFlags().StringVar(&config, "config", defaultConfig, "the site file")

	var asJSON bool
	var key string
	verify := &cobra.Command{
		Use: "verify", Short: "Check the audit log's hash chain and signatures; exit 1 and name the record if something is wrong", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			site, err := loadSite(config)
			if err != nil {
				return err
			}
			return verifyAudit(c, site, key, asJSON)
		},
	}
	verify.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	verify.Flags().StringVar(&key, "key", "", "a copy of the site's public key that was kept elsewhere (default: site.pub beside the database)")

	var x auditExport
	export := &cobra.Command{
		Use: "export", Short: "Write the audit log of a range to a file", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			site, err := loadSite(config)
			if err != nil {
				return err
			}
			return x.run(c, site)
		},
	}
	export.Flags().StringVar(&x.from, "from", "", "RFC 3339 time (default: the beginning)")
	export.Flags().StringVar(&x.to, "to", "", "RFC 3339 time (default: now)")
	export.Flags().StringVar(&x.format, "format", string(audit.JSONLines), "json, a line an entry with its hashes; or csv")
	export.Flags().StringVarP(&x.output, "output", "o", "", "the file to write; it must not exist")
	// The flag exists: it was declared above.
	_ = export.MarkFlagRequired("output")
	c.AddCommand(verify, export)
	return c
}

// errDaemon says that the daemon has the state database: ask it.
var errDaemon = errors.New("nvr is running")

// openState opens the state database for reading; errDaemon if the daemon has it.
func openState(site *configs.Site) (*bbolt.DB, error) {
	name := filepath.Join(site.Storage.State, stateName)
	db, err := bbolt.Open(name, 0o600, &bbolt.Options{ReadOnly: true, Timeout: stateWait})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, errDaemon
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open %s: %w: nothing was audited yet, or storage.state names another directory", name, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("open %s: %w: run it as root or as the user that nvr runs as", name, err)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return db, nil
}

// askDaemon opens an endpoint of the daemon of this box. The caller closes the body.
func askDaemon(ctx context.Context, site *configs.Site, path string, query url.Values) (io.ReadCloser, error) {
	api, err := newClient("unix:" + filepath.Join(site.Storage.State, socketName))
	if err != nil {
		return nil, err
	}
	body, err := api.get(ctx, path, query)
	if err != nil {
		return nil, fmt.Errorf("%s is in use, so nvr is asked: %w", stateName, err)
	}
	return body, nil
}

// siteKey reads the public key that heads are checked with.
func siteKey(site *configs.Site, kept string) (proof.Public, error) {
	if kept == "" {
		kept = filepath.Join(site.Storage.State, proof.PublicName)
	}
	return proof.ReadPublic(kept)
}

func verifyAudit(c *cobra.Command, site *configs.Site, kept string, asJSON bool) error {
	public, err := siteKey(site, kept)
	if err != nil {
		return err
	}
	r, err := auditReport(c.Context(), site, public)
	if err != nil {
		return err
	}
	if r.Key != public.ID() { // the daemon checked with its own
		r.OK, r.Problem = false, fmt.Sprintf("nvr signs with key %s, and the key given is %s", r.Key, public.ID())
	}
	if asJSON {
		e := json.NewEncoder(c.OutOrStdout())
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = printReport(c.OutOrStdout(), r)
	}
	if err == nil && !r.OK {
		err = finding{fmt.Errorf("the audit log is not what was written: %s", printable(r.Problem))}
	}
	return err
}

func auditReport(ctx context.Context, site *configs.Site, public proof.Public) (audit.Report, error) {
	var r audit.Report
	db, err := openState(site)
	if errors.Is(err, errDaemon) {
		body, err := askDaemon(ctx, site, "audit/verify", nil)
		if err != nil {
			return r, err
		}
		defer body.Close()
		if err := json.NewDecoder(body).Decode(&r); err != nil {
			return r, fmt.Errorf("read the answer of audit/verify: %w", err)
		}
		return r, nil
	}
	if err != nil {
		return r, err
	}
	r, err = audit.Verify(ctx, db, public, volumeRoots(site))
	return r, errors.Join(err, db.Close())
}

// volumeRoots are where copies of the signed heads lie.
func volumeRoots(site *configs.Site) (roots []string) {
	for _, v := range site.Storage.Volumes {
		roots = append(roots, v.Path)
	}
	return roots
}

// printReport is a report for people.
func printReport(w io.Writer, r audit.Report) error {
	verdict := "fine"
	if !r.OK {
		verdict = "NOT what was written"
	}
	_, err := fmt.Fprintf(w, "%s: %d entries, %d signed heads, key %s\n", verdict, r.Entries, r.Heads, r.Key)
	for _, f := range r.Findings {
		fmt.Fprintf(w, "  %s\n", printable(f.String()))
	}
	for _, m := range r.Mirrors {
		switch {
		case m.Problem != "":
			fmt.Fprintf(w, "  volume %s was not asked: %s\n", m.Path, printable(m.Problem))
		case m.Heads == 0:
			fmt.Fprintf(w, "  volume %s has no copy of a head\n", m.Path)
		}
	}
	return err
}

// auditExport is what to export, as flags say it.
type auditExport struct{ from, to, format, output string }

func (x *auditExport) run(c *cobra.Command, site *configs.Site) error {
	format, err := audit.ParseFormat(x.format)
	if err != nil {
		return fmt.Errorf("--format %w", err)
	}
	var f audit.Filter
	query := url.Values{"format": {string(format)}}
	for flag, t := range map[string]struct {
		text string
		into *time.Time
	}{"from": {x.from, &f.From}, "to": {x.to, &f.To}} {
		if t.text == "" {
			continue
		}
		if *t.into, err = time.Parse(time.RFC3339Nano, t.text); err != nil {
			return fmt.Errorf("--%s %q is not an RFC 3339 time such as 2026-11-23T14:05:00+09:00", flag, t.text)
		}
		query.Set(flag, t.text)
	}
	body, err := x.open(c.Context(), site, f, format, query)
	if err != nil {
		return err
	}
	defer body.Close()
	n, err := writeNew(x.output, body)
	if err != nil {
		return fmt.Errorf("export to %s: %w", x.output, err)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d bytes\n", x.output, n)
	return err
}

// open begins the export, from the database or from the daemon.
func (x *auditExport) open(ctx context.Context, site *configs.Site, f audit.Filter, format audit.Format, query url.Values) (io.ReadCloser, error) {
	db, err := openState(site)
	if errors.Is(err, errDaemon) {
		return askDaemon(ctx, site, "audit/export", query)
	}
	if err != nil {
		return nil, err
	}
	public, err := siteKey(site, "")
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	r, w := io.Pipe()
	go func() {
		err := audit.Export(ctx, db, w, f, format, public, time.Now())
		w.CloseWithError(errors.Join(err, db.Close()))
	}()
	return r, nil
}
