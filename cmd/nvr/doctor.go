package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/firewall/netfilter"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

// checkState is how a check of nvr doctor came out.
type checkState string

const (
	checkOK      checkState = "ok"
	checkBad     checkState = "bad"
	checkUntried checkState = "not tried" // this machine does not let us try; no finding
)

// check is one line of nvr doctor.
type check struct {
	Name   string     `json:"name"`
	State  checkState `json:"state"`
	Detail string     `json:"detail,omitempty"`
}

// found makes a check from what went wrong; nil: nothing.
func found(name string, err error) check {
	if err != nil {
		return check{name, checkBad, err.Error()}
	}
	return check{name, checkOK, ""}
}

func newDoctorCommand() *cobra.Command {
	var asJSON, rehearse bool
	var config string
	c := &cobra.Command{
		Use: "doctor", Short: "Check that this machine has what recording and containment need; exit 1 if not", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if rehearse {
				return json.NewEncoder(c.OutOrStdout()).Encode(rehearseKernel(c.Context()))
			}
			k, tools := netfilter.New(netfilter.Options{})
			checks := []check{found("rights", checkRights()), found("programs", tools)}
			if tools == nil {
				checks[1].Detail = "iptables is " + k.Backend()
				checks = append(checks, tryKernel(c.Context())...)
			}
			checks = append(checks, checkSettings(), checkOtherBackend(c.Context(), tools == nil && k.Backend() == "legacy"))
			checks = append(checks, checkSite(config, c.Flags().Changed("config"))...)
			return examine(c.OutOrStdout(), checks, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&config, "config", defaultConfig, "the site file, whose ports are looked at where it is there")
	c.Flags().BoolVar(&rehearse, "rehearse", false, "")
	// The flag exists: it was declared one line up.
	_ = c.Flags().MarkHidden("rehearse")
	return c
}

// tryKernel asks the kernel instead of guessing from its settings and modules:
// this program runs again in an empty network namespace, arms there as it would
// here, and reads back. Nothing of the machine's own network is touched.
func tryKernel(ctx context.Context) []check {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var why error
	// A user namespace of its own, as nvr demo has; root may do without one.
	for _, flags := range []uintptr{syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET, syscall.CLONE_NEWNET} {
		checks, err := inNamespace(ctx, flags)
		if err == nil {
			demo := check{"nvr demo", checkOK, "user namespaces can be made"}
			if flags&syscall.CLONE_NEWUSER == 0 {
				demo = check{"nvr demo", checkUntried, fmt.Sprintf("runs as root only: %v", why)}
			}
			return append(checks, demo)
		}
		if why == nil {
			why = err
		}
	}
	return []check{{"kernel", checkUntried, fmt.Sprintf("no namespace to try it in (%v); as root, nvr firewall arm and status try it on the machine itself", why)}}
}

// inNamespace runs the rehearsal; its error says that there was none.
func inNamespace(ctx context.Context, flags uintptr) ([]check, error) {
	c := ns.Command("doctor", "--rehearse")
	c.SysProcAttr.Cloneflags = flags
	if flags&syscall.CLONE_NEWUSER == 0 {
		c.SysProcAttr.UidMappings, c.SysProcAttr.GidMappings = nil, nil
	}
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Start(); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Process.Kill() })
	defer stop()
	err := c.Wait()
	var checks []check
	if unread := json.Unmarshal(out.Bytes(), &checks); unread == nil {
		return checks, nil
	}
	if exit := (&exec.ExitError{}); errors.As(err, &exit) && said.Len() > 0 {
		err = errors.New(strings.TrimSpace(said.String()))
	}
	return nil, err
}

// examine prints a line for each check.
func examine(out io.Writer, checks []check, asJSON bool) error {
	bad := 0
	for _, c := range checks {
		if c.State == checkBad {
			bad++
		}
	}
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		if err := e.Encode(map[string][]check{"checks": checks}); err != nil {
			return err
		}
	} else {
		for _, c := range checks {
			text := string(c.State)
			switch {
			case c.State == checkBad:
				text = "BAD: " + c.Detail
			case c.Detail != "":
				text += ": " + c.Detail
			}
			fmt.Fprintf(out, "%-14s %s\n", c.Name, printable(strings.ReplaceAll(text, "\n", "; ")))
		}
	}
	if bad > 0 {
		return finding{errors.New(strconv.Itoa(bad) + " of " + strconv.Itoa(len(checks)) + " checks found something")}
	}
	return nil
}
