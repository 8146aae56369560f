package outputs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	dialWithin  = 10 * time.Second
	writeWithin = 10 * time.Second // for a receiver that does not read
	retryFirst  = time.Second
	retryMost   = 30 * time.Second
	turnEvery   = time.Second
	maxQueued   = 256     // changes and alarms that wait
	maxAnswer   = 4 << 10 // bytes that a receiver may say; syslog says none
)

// errTalks says that a receiver is none.
var errTalks = errors.New("the receiver talks back: this is no syslog, or not without TLS")

// sender serves one receiver.
type sender struct {
	t   Target
	s   *Outputs
	log *slog.Logger
	now func() time.Time

	feed *feed // of run's goroutine

	mu     sync.Mutex // guards what follows
	queued []event    // what waits and is not in the journal; the oldest go
	recent []event    // of them, what was written last
	stat   Status
}

func newSender(s *Outputs, t Target, before time.Time) *sender {
	return &sender{
		t: t, s: s, log: s.log, now: s.o.Now, feed: newFeed(s.o.Source, before),
		stat: Status{ID: t.ID, Address: t.Address, Since: s.o.Now(), Problem: "not dialled yet", Delivered: before},
	}
}

// run connects, tells and connects again until ctx ends.
func (d *sender) run(ctx context.Context) {
	for pause := retryFirst; ; {
		began := d.now()
		err := d.session(ctx)
		d.broke(err)
		if ctx.Err() != nil {
			return
		}
		if d.now().Sub(began) > retryMost {
			pause = retryFirst
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause/2 + rand.N(pause/2)): //nolint:gosec // that receivers are not dialled all at once
		}
		pause = min(2*pause, retryMost)
	}
}

// session is one connection; it ends with why it ended.
func (d *sender) session(ctx context.Context) error {
	conn, err := d.dial(ctx)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	d.connected()
	gone := make(chan error, 1)
	go func() { gone <- listen(conn) }()
	tick := time.NewTicker(turnEvery)
	defer tick.Stop()
	for {
		if err := d.turn(conn); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-gone:
			return err
		case <-tick.C:
		}
	}
}

// listen waits for the end of a connection.
func listen(conn net.Conn) error {
	n, err := io.CopyN(io.Discard, conn, maxAnswer)
	switch {
	case n == maxAnswer:
		return errTalks
	case errors.Is(err, io.EOF):
		return errors.New("the receiver hung up")
	default:
		return err
	}
}

// turn writes what is to be told now.
func (d *sender) turn(conn net.Conn) error {
	write := func(e event) error {
		if err := conn.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
			return err
		}
		if _, err := conn.Write(e.frame(d.s.o.Host, d.s.o.Version, d.t.Format)); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		d.mu.Lock()
		d.stat.Sent++
		d.mu.Unlock()
		return nil
	}
	for {
		e, ok := d.next()
		if !ok {
			break
		}
		if err := write(e); err != nil {
			return err // it is in recent, and comes again
		}
	}
	err := d.feed.turn(d.now(), write)
	d.mu.Lock()
	d.stat.Delivered = d.feed.mark
	d.mu.Unlock()
	return err
}

// next takes what waits longest.
func (d *sender) next() (event, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queued) == 0 {
		return event{}, false
	}
	e := d.queued[0]
	d.queued = d.queued[1:]
	d.recent = append(d.recent, e)
	d.recent = d.recent[max(0, len(d.recent)-maxQueued):]
	return e, true
}

// queue has an event told, in order. Where there is no room, the oldest goes.
func (d *sender) queue(e event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queued = append(d.queued, e)
	d.bound()
}

func (d *sender) bound() {
	if n := len(d.queued) - maxQueued; n > 0 {
		d.queued = d.queued[n:]
		d.stat.Lost += uint64(n)
	}
}

func (d *sender) connected() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stat.Connected, d.stat.Since, d.stat.Problem = true, d.now(), ""
	d.log.Info("a receiver of outputs is connected", "output", d.t.ID)
}

// broke notes the end of a connection, or that there was none. What was written
// shortly before is written again.
func (d *sender) broke(err error) {
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	problem := "nvr ends"
	if err != nil {
		problem = err.Error()
	}
	if d.stat.Connected {
		d.feed.broke(now)
		var again []event
		for _, e := range d.recent {
			if now.Sub(e.at) < rewrite {
				again = append(again, e)
			}
		}
		d.queued, d.recent = append(again, d.queued...), nil
		d.bound()
		d.stat.Since = now
	}
	if err != nil && (d.stat.Connected || problem != d.stat.Problem) { // said once
		d.log.Warn("a receiver of outputs is not told meanwhile", "output", d.t.ID, "error", problem)
	}
	d.stat.Connected, d.stat.Problem, d.stat.Delivered = false, problem, d.feed.mark
}

func (d *sender) status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stat
}

func (d *sender) delivered() time.Time { return d.status().Delivered }

// dial connects. A name may resolve to anything: what it does is looked at, too.
func (d *sender) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	dialer := &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return d.s.allowed(at.Addr())
	}}
	if !d.t.TLS {
		return dialer.DialContext(ctx, "tcp", d.t.Address)
	}
	config, err := d.tlsConfig()
	if err != nil {
		return nil, err
	}
	return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, "tcp", d.t.Address)
}

// tlsConfig reads the files each time: certificates are renewed.
func (d *sender) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if d.t.CAFile != "" {
		pem, err := os.ReadFile(d.t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the receiver's authority: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the receiver's authority: %s holds no certificate in PEM", d.t.CAFile)
		}
	}
	if d.t.CertificateFile != "" {
		pair, err := tls.LoadX509KeyPair(d.t.CertificateFile, d.t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read our certificate for the receiver: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
