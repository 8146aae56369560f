package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/stockade-nvr/stockade/internal/lab/spawn"
)

// The exit statuses that scripts may rely on.
const (
	exitFine    = 0
	exitFinding = 1 // a check, a verification or a proof found something
	exitUsage   = 2 // wrong use, or the environment does not allow it
)

// finding is an error that is the answer, not a failure to find one.
type finding struct{ error }

func main() {
	// The demo's child is tied to the life of this thread.
	runtime.LockOSThread()
	handed, err := spawn.Inherited()
	if err != nil {
		os.Exit(status(err))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if handed == nil {
		// A second Ctrl-C ends the program at once: from now on it is the system's to
		// handle. Not so in the demo's child: its parent kills it at the second, and
		// when the parent is killed the kernel may send more than one SIGTERM, one
		// for each of its threads that the child passes to.
		context.AfterFunc(ctx, stop)
	}
	err = newCommand(handed).ExecuteContext(ctx)
	stop()
	os.Exit(status(err))
}

// status prints the error as one line, and says what to exit with.
func status(err error) int {
	if err == nil {
		return exitFine
	}
	if code := exitStatus(0); errors.As(err, &code) {
		return int(code) // whoever ended with it has said why
	}
	// What a recorder or a camera said may be in it.
	fmt.Fprintln(os.Stderr, "nvr:", printableLines(err.Error()))
	if f := (finding{}); errors.As(err, &f) {
		return exitFinding
	}
	return exitUsage
}
