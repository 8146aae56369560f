package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/ui"
)

func TestHealthSaysWhenTheStateDirectoryRunsFull(t *testing.T) {
	for _, c := range []struct {
		free  int64
		err   error
		state string
		says  string
	}{
		{4 << 30, nil, ui.HealthOK, ""},
		{512 << 20, nil, ui.HealthOK, ""},
		{100 << 20, nil, ui.HealthWarn, "/state has 100 MiB left"},
		{1 << 20, nil, ui.HealthBad, "/state has 1 MiB left"},
		{0, nil, ui.HealthBad, "0 MiB"},
		{0, errors.New("gone"), ui.HealthWarn, "gone"},
	} {
		got := stateRoom("/state", c.free, c.err)
		if got.State != c.state || !strings.Contains(got.Detail, c.says) || (got.Fix == "") != (c.state == ui.HealthOK) {
			t.Errorf("%d %v: %+v", c.free, c.err, got)
		}
	}
}
