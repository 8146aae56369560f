package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/configs"
)

func newRunCommand() *cobra.Command {
	var config string
	var verbose bool
	c := &cobra.Command{
		Use: "run", Short: "Record and contain the cameras of a site file", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runSite(c.Context(), config, verbose)
		},
	}
	c.Flags().StringVar(&config, "config", defaultConfig, "the site file")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "log what is only of interest to a developer")
	return c
}

// runSite runs a site file until ctx ends.
func runSite(ctx context.Context, config string, verbose bool) error {
	site, err := loadSite(config)
	if err != nil {
		return err
	}
	if err := checkRights(); err != nil {
		return err
	}
	log := newLogger(verbose)
	done, err := beOnly(site.Storage.State, log)
	if err != nil {
		return err
	}
	defer done()
	a, err := newApp(ctx, appOptions{Site: site, Config: config, Log: log})
	if err != nil {
		return err
	}
	if err := notify(ctx, "READY=1"); err != nil {
		log.Warn("the start goes on", "error", err)
	}
	return a.run(ctx)
}

// loadSite reads a site file; what is wrong with it is told with its name.
func loadSite(path string) (*configs.Site, error) {
	site, err := configs.Load(path)
	var problems configs.Problems
	if errors.As(err, &problems) {
		return nil, inFile(path, problems)
	}
	return site, err
}

// inFile puts the file's name before each problem, as compilers do.
func inFile(path string, problems configs.Problems) error {
	all := make([]error, len(problems))
	for i, p := range problems {
		all[i] = fmt.Errorf("%s:%s", path, p)
	}
	return errors.Join(all...)
}
