package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/internal/lab"
	"github.com/stockade-nvr/stockade/internal/lab/spawn"
)

// demoOptions are the flags of nvr demo.
type demoOptions struct {
	listen  string
	cameras int
	length  time.Duration
	json    bool
	verbose bool
	dir     string // given by the parent to its child
}

func newDemoCommand(handed *spawn.Handed) *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use: "demo", Short: "Run everything against simulated cameras, in network namespaces that vanish with it", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.valid(); err != nil {
				return err
			}
			if handed == nil {
				return spawnDemo(c.Context(), o)
			}
			return runDemo(c.Context(), o, handed, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&o.listen, "listen", "127.0.0.1:8080", "loopback address for the browser")
	c.Flags().IntVar(&o.cameras, "cameras", 4, "simulated cameras, at least 4")
	c.Flags().DurationVar(&o.length, "for", 0, "end after this long and say what happened; 0: until Ctrl-C")
	c.Flags().BoolVar(&o.json, "json", false, "with --for: print the result as JSON")
	c.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "log what is only of interest to a developer")
	c.Flags().StringVar(&o.dir, "dir", "", "")
	// The flag exists: it was declared one line up.
	_ = c.Flags().MarkHidden("dir")
	return c
}

// exitStatus ends the program with a child's exit status, without a word: the
// child has said what there is to say.
type exitStatus int

func (e exitStatus) Error() string { return "exit status " + strconv.Itoa(int(e)) }

// valid refuses what the demo could not do, before anything is made.
func (o demoOptions) valid() error {
	at, err := netip.ParseAddrPort(o.listen)
	switch {
	case err != nil || !at.Addr().IsLoopback():
		return fmt.Errorf("--listen %q is not a loopback address and port: write 127.0.0.1:8080", o.listen)
	case o.cameras < 4 || o.cameras > lab.MaxCameras:
		return fmt.Errorf("--cameras %d is not between 4 and %d", o.cameras, lab.MaxCameras)
	case o.length < 0:
		return fmt.Errorf("--for %s is negative: write 60s, or leave it out to run until Ctrl-C", o.length)
	case o.json && o.length == 0:
		return errors.New("--json prints the result of --for: give both, such as --for 60s --json")
	}
	return nil
}

// spawnDemo runs the demo in namespaces of its own. The directory is made and
// removed here, so that it goes even if the child is killed.
func spawnDemo(ctx context.Context, o demoOptions) error {
	sweepDemos(os.TempDir())
	dir, lock, err := makeDemoDir()
	if err != nil {
		return err
	}
	defer lock.Close()
	defer removeDemo(dir)
	args := []string{
		"demo", "--dir", dir, "--listen", o.listen, "--cameras", strconv.Itoa(o.cameras),
		"--for", o.length.String(), "--json=" + strconv.FormatBool(o.json), "--verbose=" + strconv.FormatBool(o.verbose),
	}
	// The child gets each signal from spawn.Run. Our ctx ends by the same one,
	// and two would be a second Ctrl-C.
	code, err := spawn.Run(context.WithoutCancel(ctx), spawn.Options{Args: args, HTTP: o.listen})
	if err == nil && code != 0 {
		err = exitStatus(code)
	}
	return err
}

// demoResult is what nvr demo --for prints.
type demoResult struct {
	Cameras         int     `json:"cameras"`
	RecordedSeconds float64 `json:"recorded_seconds"`
	Segments        int     `json:"segments"`
	Gaps            int     `json:"gaps"`
	Attempts        int     `json:"attempts"`
	SentByCameras   uint64  `json:"sent_by_cameras_packets"`
	SentKinds       int     `json:"sent_by_cameras_kinds"`
	OutsideReceived uint64  `json:"outside_received_packets"`
	Containment     string  `json:"containment"`
	Forwarding      bool    `json:"recorder_forwards"` // else outside_received_packets says nothing
}

// runDemo is the child: the process's own namespace is the recorder.
func runDemo(ctx context.Context, o demoOptions, h *spawn.Handed, out io.Writer) error {
	defer removeDemo(o.dir)
	log := newLogger(o.verbose)
	plan := lab.DefaultPlan(o.cameras)
	plan.HTTP, plan.Logger = h.HTTP.Addr().String(), log
	free, err := freeBytes(o.dir)
	if err != nil {
		return err
	}
	plan.Keep, plan.Reserve = demoKeeps, demoFloor(free)
	site, err := demoSite(&plan, o.dir)
	if err != nil {
		return err
	}
	l, err := lab.Build(ctx, plan)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // the namespaces go with the process
	a, err := newApp(ctx, appOptions{Site: site, Listener: h.HTTP, Demo: true, Log: log})
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	var result demoResult
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.Run(ctx) })
	g.Go(func() error { return a.run(ctx) })
	g.Go(func() error {
		var over <-chan time.Time
		if o.length > 0 {
			over = time.After(o.length)
		}
		select {
		case <-ctx.Done():
		case <-h.Gone:
			end()
		case <-over:
			result = a.demoResult(l)
			end()
		}
		return nil
	})
	if !o.json {
		fmt.Fprintf(out, "\n  Stockade's demo: open http://%s in a browser; Ctrl-C ends it and leaves nothing behind.\n\n", h.HTTP.Addr())
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if o.length <= 0 {
		return nil
	}
	return printDemo(out, result, o.json)
}

// demoSite writes and reads the lab's site file.
func demoSite(plan *lab.Plan, dir string) (*configs.Site, error) {
	file, err := plan.SiteFile(filepath.Join(dir, "state"), filepath.Join(dir, "video"))
	if err != nil {
		return nil, err
	}
	site, err := configs.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("the lab's site file: %w", err)
	}
	return site, nil
}

// demoResult counts what was recorded and what was tried.
func (a *app) demoResult(l *lab.Lab) demoResult {
	stats := l.Stats()
	r := demoResult{
		Cameras: len(a.current().Cameras), SentByCameras: stats.SentByCameras, SentKinds: len(stats.SentKinds),
		OutsideReceived: stats.OutsideReceived, Containment: string(a.fw.Status().State), Forwarding: stats.Forwarding,
	}
	now := time.Now()
	for _, c := range a.current().Cameras {
		for _, stream := range []string{"main", "sub"} {
			segments, err := a.store.Segments(c.ID, stream, a.started, now)
			if err != nil {
				a.Log.Error("list segments", "camera", c.ID, "error", err)
			}
			r.Segments += len(segments)
			for _, s := range segments {
				r.RecordedSeconds += s.End.Sub(s.Start).Seconds()
			}
			gaps, err := a.store.Gaps(c.ID, stream, a.started, now)
			if err != nil {
				a.Log.Error("list gaps", "camera", c.ID, "error", err)
			}
			r.Gaps += len(gaps)
		}
	}
	r.Attempts = a.countAttempts()
	return r
}

// countAttempts counts the rows that a person would see, chatter left out.
func (a *app) countAttempts() int {
	if err := a.journal.Flush(); err != nil {
		a.Log.Error("write the journal", "error", err)
	}
	n := 0
	f := journal.Filter{Limit: 1000}
	for {
		page, err := a.journal.Query(f)
		if err != nil {
			a.Log.Error("list attempts", "error", err)
			return n
		}
		n += len(page.Attempts)
		if page.Next == "" {
			return n
		}
		f.Cursor = page.Next
	}
}

func printDemo(out io.Writer, r demoResult, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	_, err := fmt.Fprintf(out, "%d cameras, %.0f s recorded in %d segments, %d gaps\n%d packets of %d kinds tried to leave, in %d attempts; %d arrived outside; containment %s\n",
		r.Cameras, r.RecordedSeconds, r.Segments, r.Gaps, r.SentByCameras, r.SentKinds, r.Attempts, r.OutsideReceived, r.Containment)
	return err
}
