package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestDisarmingWantsTheSitesName(t *testing.T) {
	for name, answers := range map[string][]string{
		"Camp North": {"", "\n", "  \n", "Camp South\n"},
		"":           {"", "\n", "  \n"}, // no site file is read with it, but it must not matter
	} {
		for _, answer := range answers {
			c := &cobra.Command{}
			c.SetContext(t.Context())
			c.SetIn(strings.NewReader(answer))
			c.SetErr(&bytes.Buffer{})
			if err := confirmSite(c, name); err == nil || !strings.Contains(err.Error(), "site's name") {
				t.Errorf("site %q, answer %q: %v", name, answer, err)
			}
		}
	}
}
