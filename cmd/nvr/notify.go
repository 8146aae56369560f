package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// notify tells the service manager something, as sd_notify(3) does; nothing where there is none.
func notify(ctx context.Context, state string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "unixgram", path) // a leading @ is an abstract name to net too
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}

// beat tells the service manager's watchdog that this process still runs. It
// proves no more than that: what does not work is in the health, and a restart
// would only add a gap.
func (a *app) beat(ctx context.Context) error {
	limit, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || limit <= 0 {
		return nil // nobody watches
	}
	tick := time.NewTicker(time.Duration(limit) * time.Microsecond / 3)
	defer tick.Stop()
	for {
		if err := notify(ctx, "WATCHDOG=1"); err != nil && ctx.Err() == nil {
			a.Log.Warn("the watchdog could not be told", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
