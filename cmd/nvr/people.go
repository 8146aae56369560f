package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/internal/durable"
	"github.com/stockade-nvr/stockade/internal/guarded"
	"github.com/stockade-nvr/stockade/internal/proof"
	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// people is what accrues about people, in one database: accounts, the account
// of who did what, and what only two persons may change.
type people struct {
	db       *bbolt.DB
	audit    *audit.Log
	accounts *auth.Accounts
	pledge   *pledge
}

// peopleOptions say which, and by which rules.
type peopleOptions struct {
	Site    func() *configs.Site // as it is in force
	Mirrors func() []string      // volumes that are attached now
	Make    bool                 // make the state directory; only the daemon may: it is the one that must own it
	Log     *slog.Logger
	Damaged func(error) // is told when state.db turns out to be damaged while it is open; nil: nobody
}

// openPeople opens state.db; errDaemon when another process has it open.
func openPeople(o peopleOptions) (p *people, err error) {
	state := o.Site().Storage.State
	if err := findState(state, o.Make); err != nil {
		return nil, err
	}
	key, err := proof.OpenKey(state)
	if err != nil {
		return nil, err
	}
	name := filepath.Join(state, stateName)
	db, err := guarded.Open(name, 0o600, bbolt.Options{Timeout: stateWait, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("open %s: %w", name, errDaemon)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			p, err = nil, errors.Join(err, guarded.Do(db.Close))
		}
	}()
	err = guarded.Do(func() error {
		p, err = readPeople(db, key, state, o)
		return err
	})
	return p, err
}

// readPeople reads what the database holds.
func readPeople(db *bbolt.DB, key *proof.Key, state string, o peopleOptions) (p *people, err error) {
	p = &people{db: db}
	if p.audit, err = audit.Open(audit.Options{DB: db, Key: key, Mirrors: o.Mirrors, Known: func() []string { return volumeRoots(o.Site()) }, Log: o.Log, Damaged: o.Damaged}); err != nil {
		return nil, err
	}
	if p.pledge, err = readPledge(db); err != nil {
		return nil, err
	}
	if err = p.pledge.begin(p.audit, volumeRoots(o.Site())); err != nil {
		return nil, err
	}
	if err = durable.Give(state, stateName, proof.KeyName, proof.PublicName); err != nil {
		return nil, err
	}
	p.accounts, err = auth.Open(auth.Options{
		DB: db, Log: o.Log, Damaged: o.Damaged,
		Policy: func() auth.Policy { return accountPolicyOf(o.Site(), p.pledge.twoPersons()) },
		Audit:  func(tx *bbolt.Tx, e auth.Event) error { return p.audit.AppendTx(tx, ui.EntryOf(e)) },
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// findState makes the state directory, or looks for it: errNoState.
func findState(state string, makeIt bool) error {
	if makeIt {
		if err := os.MkdirAll(state, 0o700); err != nil {
			return fmt.Errorf("make state directory: %w", err)
		}
		return nil
	}
	if _, err := os.Stat(state); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open %s: %w", state, errNoState)
	}
	return nil
}

// errNoState says that the daemon never ran with this state directory.
var errNoState = errors.New("there is no such directory: start nvr run once, as its user, or correct storage.state")

func (p *people) close() error { return p.db.Close() }
