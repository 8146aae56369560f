package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// onlyName is the file below the state directory whose lock the daemon holds.
const onlyName = "nvr.lock"

// beOnly sees to it that one daemon runs with a state directory: an error names
// the other. It tells a second daemon from a command that has the state database
// open for a while. The lock goes with this process. A lock that cannot be taken
// for another reason keeps nobody from recording: the index has one of its own.
func beOnly(state string, log *slog.Logger) (done func(), err error) {
	name := filepath.Join(state, onlyName)
	err = os.MkdirAll(state, 0o700)
	var f *os.File
	if err == nil {
		f, err = os.OpenFile(name, os.O_CREATE|os.O_RDONLY, 0o600)
	}
	if err != nil {
		log.Error("whether nvr runs already cannot be told", "error", err)
		return func() {}, nil
	}
	done = func() { f.Close() } // closing lets go
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		done()
		return nil, fmt.Errorf("lock %s: %w already, with this state directory: end that one first", name, errDaemon)
	} else if err != nil {
		log.Error("whether nvr runs already cannot be told", "error", fmt.Errorf("lock %s: %w", name, err))
	}
	return done, nil
}
