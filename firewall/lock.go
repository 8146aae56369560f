package firewall

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
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
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the firewall's lock: %w", err)
	}
	if err := giveToOwner(dir, f.Name()); err != nil {
		f.Close()
		return nil, err
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
