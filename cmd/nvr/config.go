package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/configs"
)

func newConfigCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Start and check a site file"}
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
				site, err := loadSite(args[0])
				if err == nil {
					if problems := configs.CheckEnvironment(site); len(problems) > 0 {
						err = inFile(args[0], problems)
					}
				}
				if err != nil {
					return finding{err}
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s: fine: revision %s, %d devices, %d cameras\n", args[0], site.Revision, len(site.Devices), len(site.Cameras))
				return err
			},
		},
	)
	return c
}
