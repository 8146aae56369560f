package ui

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

// entrance is the listener that requests came in by. The zero entrance is
// plain HTTP on loopback.
type entrance struct {
	secure bool            // over TLS
	names  func() []string // hosts that are answered for; nil: those of loopback
}

// entranceKey and peerKey are keys of a request's context.
type (
	entranceKey struct{}
	peerKey     struct{}
)

func entranceOf(ctx context.Context) entrance {
	in, _ := ctx.Value(entranceKey{}).(entrance)
	return in
}

// peer is the program at the other end of the daemon's own socket.
type peer struct {
	user string
	root bool
}

// localPeer gives the peer of a request that came through the daemon's socket.
// Nothing that a client of TCP sends can put one there.
func localPeer(ctx context.Context) (peer, bool) {
	p, ok := ctx.Value(peerKey{}).(peer)
	return p, ok
}

// errPeer says that a program of another user reached the socket.
var errPeer = errors.New("the peer is neither root nor the daemon's own user")

// peerOf asks the kernel who is at the other end. Root and the daemon's own user
// can read the databases anyway, everybody else is refused.
func peerOf(conn *net.UnixConn, own int) (peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return peer{}, fmt.Errorf("find the peer: %w", err)
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return peer{}, fmt.Errorf("find the peer: %w", err)
	}
	if failed != nil {
		return peer{}, fmt.Errorf("find the peer: %w", failed)
	}
	if cred.Uid != 0 && int(cred.Uid) != own {
		return peer{}, fmt.Errorf("%w: uid %d", errPeer, cred.Uid)
	}
	id := strconv.FormatUint(uint64(cred.Uid), 10)
	p := peer{user: "uid-" + id, root: cred.Uid == 0}
	if u, err := user.LookupId(id); err == nil {
		p.user = u.Username
	}
	return p, nil
}

// peers lets only those through whom peerOf knows.
type peers struct {
	net.Listener
	log *slog.Logger
}

// peerConn is a connection with its peer.
type peerConn struct {
	net.Conn
	peer peer
}

// Accept waits for a connection of root or of our own user.
func (l peers) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		socket, ok := conn.(*net.UnixConn)
		if !ok {
			return nil, errors.Join(errPeer, conn.Close())
		}
		p, err := peerOf(socket, os.Getuid())
		if err == nil {
			return peerConn{conn, p}, nil
		}
		l.log.Warn("connection to the daemon's socket refused", "error", err)
		conn.Close()
	}
}
