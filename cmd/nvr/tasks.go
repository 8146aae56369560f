package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stockade-nvr/stockade/firewall/sinkhole"
	"github.com/stockade-nvr/stockade/ui"
)

// Of tasks that start again after an error.
const (
	restartAfter = time.Second
	// steadyAfter is how long a task must have run for its last error to be over.
	// It is longer than the pause, so that a task that fails at once each time
	// never seems to be well in between.
	steadyAfter = 5 * time.Second
)

// again runs a task until ctx ends and starts it again after an error, which
// health names until the task runs steadily; errors that are fatal end the program.
func (a *app) again(ctx context.Context, name string, run func(context.Context) error, fatal ...error) error {
	for {
		steady := time.AfterFunc(steadyAfter, func() { a.fails(name, nil) })
		err := run(ctx)
		steady.Stop()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // being asked to end is no error, whatever the task says of it
		}
		for _, f := range fatal {
			if errors.Is(err, f) {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if a.fails(name, err) {
			a.Log.Error("task ended and starts again", "task", name, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(restartAfter):
		}
	}
}

// fails notes a task's last error; nil: it runs. It tells whether that is news:
// what fails each second for a night is said once.
func (a *app) fails(name string, err error) (news bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	was := a.failing[name]
	if err == nil {
		delete(a.failing, name)
		return was != nil
	}
	a.failing[name] = err
	return was == nil || was.Error() != err.Error()
}

// taskHealth has a check for each task that does not run steadily.
func (a *app) taskHealth() []ui.HealthCheck {
	a.mu.RLock()
	defer a.mu.RUnlock()
	fixes := map[string]string{
		taskSinkhole:  "cameras get no DNS or time: find who holds the port, ss -lunp; it is tried again each second",
		taskDHCP:      "devices get no address meanwhile, those that have one keep it for half an hour at least: find who holds port 67, ss -lunp; it is tried again each second",
		taskAsked:     "which foreign name and time servers cameras ask is not listed; they are answered here all the same: if another program reads log group 101, end it; it is tried again each second",
		taskHits:      "attempts are counted by the kernel but not listed: if another program reads the log group, end it (ulogd is one that does), else nvr doctor says what is missing; it is tried again each second",
		taskPage:      "nobody reaches the page: put right the certificate if it names that; else find who holds the address of listen.http, ss -ltnp, or bring it up; it is tried again each second",
		taskTunnel:    "devices' own pages are not reached: find who holds the address of listen.tunnel, ss -ltnp, or bring it up; it is tried again each second",
		taskSignOn:    "nobody signs in at a provider meanwhile: put right the file that it names; it is tried again each second",
		taskSightings: "devices that are not pinned are listed only as far as the log of dropped packets tells of them; it is tried again each second",
		taskSocket:    "commands on the box do not reach nvr meanwhile: move away what lies at nvr.sock in the state directory, or name a shorter storage.state; it is tried again each second",
	}
	var checks []ui.HealthCheck
	for _, name := range slices.Sorted(maps.Keys(a.failing)) {
		checks = append(checks, ui.HealthCheck{Name: name, State: ui.HealthBad, Detail: a.failing[name].Error(), Fix: fixes[name]})
	}
	checks = append(checks, a.serviceHealth(taskSinkhole, a.sink.Load())...)
	return append(checks, a.serviceHealth(taskDHCP, a.dhcp.Load())...)
}

// serviceHealth says that a service for cameras waits for its interface without
// ending, while the bridge is made anew, or has no address left. The caller holds mu.
func (a *app) serviceHealth(name string, of *sinkhole.Sinkhole) []ui.HealthCheck {
	if of == nil || a.failing[name] != nil {
		return nil
	}
	if s := of.Status(); !s.Bound && s.Reason != "" {
		return []ui.HealthCheck{{Name: name, State: ui.HealthBad, Detail: s.Reason, Fix: "see that the bridge " + bridge + " is up with its address (nvr firewall status); it is tried again by itself, and nobody else gets their questions meanwhile"}}
	}
	if n := of.DHCP(); n.Short {
		return []ui.HealthCheck{{
			Name: name, State: ui.HealthWarn, Detail: fmt.Sprintf("no address is left for devices that are not pinned: %d are in use, the others pinned", n.Quarantine),
			Fix: "look at nvr devices --unknown: pin what is yours, and find out at which port somebody invents devices; pinned devices get theirs all the same",
		}}
	}
	return nil
}

// Names of tasks, as the log and health call them.
const (
	taskSinkhole  = "sinkhole"
	taskDHCP      = "DHCP"
	taskHits      = "hit reader"
	taskAsked     = "reader of redirected questions"
	taskSightings = "sightings"

	taskPage        = "page"
	taskTunnel      = "tunnel"
	taskSocket      = "socket"
	taskCertificate = "certificate keeper"
	taskArming      = "account of arming"
	taskSignOn      = "sign-on"
	taskAudit       = "audit"
)
