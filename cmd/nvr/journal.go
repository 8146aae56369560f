package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// memoryAttempts is how many attempts a journal in memory keeps: tens of megabytes.
const memoryAttempts = 20_000

// openJournal opens the journal of attempts; in memory where its file cannot be
// opened: what is contained is contained all the same, and still told.
func (a *app) openJournal() error {
	o := journal.Options{
		Log:      a.Log,
		Identify: func(mac nflog.MAC, ip netip.Addr) journal.Owner { return a.owners.Load().identify(mac, ip) },
		Locate:   func(ip netip.Addr) journal.Place { return journal.Place(a.places.Place(ip)) },
	}
	var err error
	a.journal, err = journal.Open(filepath.Join(a.site.Storage.State, "journal.db"), o)
	if err == nil || errors.Is(err, journal.ErrLocked) { // of another daemon
		return err
	}
	a.forgetful = err
	a.Log.Error("attempts are kept in memory only until nvr starts again", "error", err)
	fd, err := unix.MemfdCreate("journal.db", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("make a journal in memory: %w", err)
	}
	file := os.NewFile(uintptr(fd), "journal.db")
	o.MaxStored = memoryAttempts
	a.journal, err = journal.Open(fmt.Sprintf("/proc/self/fd/%d", fd), o)
	return errors.Join(err, file.Close()) // the journal has its own descriptor
}
