package rtsp

import (
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// lowat sets SO_RCVLOWAT: the kernel wakes the reader only when that many bytes
// are there (or the connection ended), which halves the cost of a stream. It
// delays media by at most a tenth of a second, and not at all while someone
// watches.
type lowat struct {
	conn net.Conn

	mu      sync.Mutex // guards what follows
	watched bool
	want    int
	set     int // what the socket has; 0: the system's 1
}

// maxLowat is enough for a dozen packets; more gains little and delays more.
const maxLowat = 16 << 10

// minLowat is below what waiting gains nothing.
const minLowat = 2 << 10

// rate adapts the mark to what the stream carries.
func (l *lowat) rate(bytesPerSecond int) {
	want := min(bytesPerSecond/10, maxLowat)
	if want < minLowat {
		want = 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// Change it only when it matters: a system call a stream and second adds up.
	if want < l.want*3/4 || want >= 2*l.want || want == maxLowat {
		l.want = want
	}
	l.apply()
}

func (l *lowat) watch(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watched = on
	l.apply()
}

// apply is best effort: without it the stream only costs more. Callers hold mu.
func (l *lowat) apply() {
	mark := l.want
	if l.watched {
		mark = 0
	}
	if mark == l.set {
		return
	}
	c, ok := l.conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		// Setting it wakes a reader that by the new mark has waited long enough.
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, max(mark, 1)) == nil {
			l.set = mark
		}
	})
}
