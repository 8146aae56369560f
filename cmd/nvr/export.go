package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
)

func newExportCommand() *cobra.Command {
	var at serverFlags
	var camera, stream, from, to, output, reason string
	c := &cobra.Command{
		Use: "export", Short: "Write a camera's footage of a range to one MP4 file, exactly as recorded", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			for flag, value := range map[string]string{"from": from, "to": to} {
				if _, err := time.Parse(time.RFC3339Nano, value); err != nil {
					return fmt.Errorf("--%s %q is not an RFC 3339 time such as 2026-11-23T14:05:00+09:00", flag, value)
				}
			}
			api, err := at.client()
			if err != nil {
				return err
			}
			body, err := api.get(c.Context(), "export", url.Values{"camera": {camera}, "stream": {stream}, "from": {from}, "to": {to}, "reason": {reason}})
			if err != nil {
				return err
			}
			defer body.Close()
			n, err := writeNew(output, body)
			if err != nil {
				return fmt.Errorf("export to %s: %w", output, err)
			}
			if next := api.header.Get("X-Play-Next"); next != "" {
				fmt.Fprintf(c.ErrOrStderr(), "%s ends at %s: footage of another format follows, which cannot be in the same file; export it with --from %s\n", output, next, next)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d bytes\n", output, n)
			return err
		},
	}
	at.add(c)
	c.Flags().StringVar(&camera, "camera", "", "the camera's id")
	c.Flags().StringVar(&stream, "stream", "main", "main or sub")
	c.Flags().StringVar(&from, "from", "", "RFC 3339 time")
	c.Flags().StringVar(&to, "to", "", "RFC 3339 time")
	c.Flags().StringVar(&reason, "reason", "", "what the footage is wanted for: it is kept in the audit")
	c.Flags().StringVarP(&output, "output", "o", "", "the file to write; it must not exist")
	for _, name := range []string{"camera", "from", "to", "reason", "output"} {
		// The flag exists: it was declared above.
		_ = c.MarkFlagRequired(name)
	}
	return c
}

// writeNew writes a file that did not exist. What could not be written whole is
// removed: half an export must never pass for evidence.
func writeNew(path string, from io.Reader) (int64, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, from)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, errors.Join(err, os.Remove(path))
	}
	return n, nil
}
