package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestDisarmingWantsTheSitesName(t *testing.T) {
	for name, answers := range map[string][]string{
		"Camp North": {"", "\n", "  \n", "Camp South\n"},
		"":           {"", "\n", "  \n"}, // no site file is read with it, but it must not matter
	} {
		for _, answer := range answers {
			ask := newPrompt(strings.NewReader(answer), &bytes.Buffer{})
			if err := ask.siteName(t.Context(), name); err == nil || !strings.Contains(err.Error(), "site's name") {
				t.Errorf("site %q, answer %q: %v", name, answer, err)
			}
		}
	}
}
