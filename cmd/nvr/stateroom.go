package main

import (
	"fmt"

	"github.com/stockade-nvr/stockade/ui"
)

// Free space of the state directory. Without any no sign-in, no view and no
// blocked attempt can be written down.
const (
	stateTight = 512 << 20
	stateFull  = 64 << 20
)

// stateHealth says how much room there is where accounts, audit and journal are.
// A demo watches its own share of the disk.
func (a *app) stateHealth() []ui.HealthCheck {
	if a.folk() == nil {
		return nil
	}
	dir := a.current().Storage.State
	free, err := freeBytes(dir)
	return []ui.HealthCheck{stateRoom(dir, free, err)}
}

func stateRoom(dir string, free int64, err error) ui.HealthCheck {
	c := ui.HealthCheck{Name: "state directory", State: ui.HealthOK}
	if err != nil {
		c.State, c.Detail, c.Fix = ui.HealthWarn, err.Error(), "check the disk and its mount"
		return c
	}
	switch {
	case free < stateFull:
		c.State = ui.HealthBad
	case free < stateTight:
		c.State = ui.HealthWarn
	default:
		return c
	}
	c.Detail = fmt.Sprintf("%s has %d MiB left", dir, free>>20)
	c.Fix = "free space there: without it nobody signs in, and nothing more is written to the audit and the journal"
	return c
}
