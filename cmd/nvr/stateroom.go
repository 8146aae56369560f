package main

import (
	"fmt"
	"path/filepath"

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
	return append(a.peopleHealth(), stateRoom(dir, free, err))
}

// damaged is told that state.db turned out to be damaged. It stays so until somebody
// restores it.
func (a *app) damaged(err error) {
	a.mu.Lock()
	first := a.ruined == nil
	a.ruined = err
	a.mu.Unlock()
	if first {
		a.Log.Error("people are off: the state database is damaged; recording and containment go on; end nvr and put the database back from a backup, or move it away and begin anew", "error", err)
	}
}

// peopleHealth says that people are off, when they are.
func (a *app) peopleHealth() []ui.HealthCheck {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.ruined == nil {
		return nil
	}
	name := filepath.Join(a.site.Storage.State, stateName)
	return []ui.HealthCheck{{
		Name: "people", State: ui.HealthBad,
		Detail: fmt.Sprintf("people: off. %s is damaged, so nobody may be able to sign in, and what people do may not reach the audit; recording and containment go on. It says: %v", name, a.ruined),
		Fix:    "end nvr and put " + stateName + " back from a backup; or move it away and begin with a new first admin",
	}}
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
