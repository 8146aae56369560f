package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// maxSocketPath is what the kernel takes as the path of a socket (sun_path).
const maxSocketPath = 107

// listenLocal opens the socket by which commands on the box reach the daemon.
// What lies there is of a daemon that has ended: only one has the state database.
func listenLocal(ctx context.Context, state string) (net.Listener, error) {
	path := filepath.Join(state, socketName)
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("listen on %s: the path is longer than %d bytes: set storage.state to a shorter one", path, maxSocketPath)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("make way for the socket: %w", err)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	// Until here others might connect; who they are is looked at all the same.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("close the socket to others: %w", err), ln.Close())
	}
	return ln, nil
}
