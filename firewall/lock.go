package firewall

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/internal/durable"
)

const (
	lockFile  = "firewall.lock"
	lockRetry = 20 * time.Millisecond
)

// errLocked says that another process of ours holds the lock. It is normal for a moment.
var errLocked = errors.New("another process is changing the firewall")

// lock keeps other processes of ours, such as nvr firewall disarm beside a
// daemon, from changing the kernel at the same time: a daemon must not repair
// what is being disarmed. It waits as long as ctx lasts; the kernel lets go of
// the lock when its holder dies.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	if dir == "" {
		return func() {}, nil
	}
	f, err := openLock(dir)
	if err != nil {
		return nil, fmt.Errorf("open the firewall's lock: %w", err)
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, nil // closing lets go
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			f.Close()
			return nil, fmt.Errorf("lock the firewall: %w", err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("%w; waited for it: %w", errLocked, context.Cause(ctx))
		case <-time.After(lockRetry):
		}
	}
}

// openLock opens the lock's file, and gives it to whom the state directory belongs.
func openLock(dir string) (f *os.File, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if f, err = durable.OpenIn(root, lockFile, os.O_CREATE|os.O_RDONLY); err != nil {
		return nil, err
	}
	if err := durable.GiveToOwner(root, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
