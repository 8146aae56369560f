package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/storage"
)

// newStorageCommand makes the verbs that are about the volumes.
func newStorageCommand() *cobra.Command {
	var server serverFlags
	confirm := &cobra.Command{
		Use: "confirm-clock", Short: "Say that the clock is right after a step, so that retention deletes by age again", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := server.client()
			if err != nil {
				return err
			}
			if err := api.call(c.Context(), http.MethodPost, "storage/clock", struct{}{}, nil); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "confirmed: it is %s; what is older than its time is deleted again\n", short(time.Now().UTC()))
			return err
		},
	}
	server.add(confirm)
	c := group(&cobra.Command{Use: "storage", Short: "Look after the volumes"})
	c.AddCommand(confirm, newDeleteCommand())
	return c
}

// attached are the roots of the volumes that take footage now. A directory below
// which nothing is mounted is none of them.
func (a *app) attached() (roots []string) {
	if a.store == nil {
		return nil
	}
	for _, v := range a.store.Status().Volumes {
		if v.State == storage.VolumeOK || v.State == storage.VolumeFull {
			roots = append(roots, v.Path)
		}
	}
	return roots
}
