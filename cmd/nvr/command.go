package main

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/internal/lab/spawn"
)

const defaultConfig = "/etc/nvr/nvr.yaml"

// newCommand builds the command line. handed is what the parent of a demo gave
// to this process, if it is the child.
func newCommand(handed *spawn.Handed) *cobra.Command {
	root := &cobra.Command{
		Use:           "nvr",
		Short:         "Stockade: record cameras that you cannot trust, and let none of their packets out",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		newRunCommand(), newDemoCommand(handed), newConfigCommand(), newFirewallCommand(),
		newExportCommand(), newUserCommand(), newAuditCommand(), newReportCommand(), newStorageCommand(), newHoldCommand(), newDoctorCommand(), newVersionCommand(),
	)
	root.AddCommand(newQueryCommands()...)
	return root
}

// group makes a verb that has only verbs below it. Alone, or with a word that is
// none of them, it is wrong use, where cobra would print help and exit with 0: a
// script that mistypes a check must not take it for passed.
func group(c *cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.SuggestionsMinimumDistance = 2
	c.RunE = func(c *cobra.Command, args []string) error {
		var known []string
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				known = append(known, sub.Name())
			}
		}
		all := strings.Join(known, ", ")
		if len(args) == 0 {
			return fmt.Errorf("%s wants one of: %s", c.CommandPath(), all)
		}
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			return fmt.Errorf("%s has no verb %q: did you mean %s?", c.CommandPath(), args[0], near[0])
		}
		return fmt.Errorf("%s has no verb %q: it has %s", c.CommandPath(), args[0], all)
	}
	return c
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which build this is", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "nvr %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// packagedAs is the version that a package is built with: make deb VERSION=...
var packagedAs string

// version names the release, or the commit that the binary was built from, where the build knows it.
func version() string {
	if packagedAs != "" {
		return packagedAs
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}

// newLogger writes to standard error, as systemd's journal and people want it.
func newLogger(verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}
