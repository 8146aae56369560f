package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/configs"
)

func newConfigCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "config", Short: "Start and check a site file"})
	c.AddCommand(
		&cobra.Command{
			Use: "init", Short: "Print a commented site file to start from", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				_, err := c.OutOrStdout().Write(configs.Default())
				return err
			},
		},
		&cobra.Command{
			Use: "check FILE", Short: "Name everything that is wrong with a site file, with line, column and fix", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				site, err := configs.Load(args[0])
				var problems configs.Problems
				if err == nil {
					problems = configs.CheckEnvironment(site)
				}
				// A file that cannot be read is no finding about it.
				if errors.As(err, &problems) || len(problems) > 0 {
					return finding{inFile(args[0], problems)}
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s: fine: revision %s, %d devices, %d cameras\n", args[0], site.Revision, len(site.Devices), len(site.Cameras))
				return err
			},
		},
	)
	return c
}
