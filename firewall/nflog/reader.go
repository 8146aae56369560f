package nflog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	kernel "github.com/florianl/go-nflog/v2"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// How the group is read. Measured together: 400,000 packets at 200,000/s with no
// loss. A rule's own --nflog-threshold would cap batch, so rules set none.
const (
	batch        = 64      // packets that the kernel gathers before it wakes us
	batchTimeout = 10      // in hundredths of a second: a lone packet waits no longer
	readBuffer   = 8 << 20 // bytes; no more than rmem_max where that may not be exceeded
	defaultSlots = 16384
	maxPrefixes  = 4096
)

// Errors that tell why a group cannot be read.
var (
	ErrGroupTaken = errors.New("another program reads this netlink log group")
	ErrNoRights   = errors.New("reading the kernel's packet log needs CAP_NET_ADMIN")
)

// Options of a Reader.
type Options struct {
	Group uint16 // netlink log group that the rules name
	Log   *slog.Logger
	// Handle takes each hit, in order, from one goroutine. The hit and its payload
	// are the reader's: what Handle keeps it copies. While it is busy the ring
	// fills, and what finds the ring full is counted as lost.
	Handle func(*Hit)
	Slots  int // of the ring, default 16384 (7 MiB)
}

// Reader reads one netlink log group.
type Reader struct {
	opts  Options
	ring  *ring
	ready chan struct{}
	once  sync.Once // closes ready

	read, lost, foreign atomic.Uint64
	bindings            atomic.Uint64
	bound               atomic.Bool

	early *early // what Bind bound, until Run takes it over

	// The rest belongs to the goroutine that reads the socket.
	nextSeq uint32

	// ... and to the one that parses.
	ports    ports
	prefixes map[string]Prefix
	hit      Hit
}

// New makes a Reader; nothing is opened before Run.
func New(o Options) *Reader {
	if o.Slots <= 0 {
		o.Slots = defaultSlots
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Reader{opts: o, ring: newRing(o.Slots), ready: make(chan struct{}), prefixes: make(map[string]Prefix)}
}

// Ready is closed once the group is bound for the first time.
func (r *Reader) Ready() <-chan struct{} { return r.ready }

// Stats gives the account so far. It counts over all calls of Run.
func (r *Reader) Stats() Stats {
	return Stats{Read: r.read.Load(), Lost: r.lost.Load(), Foreign: r.foreign.Load()}
}

// Binding tells how often the group was bound so far, and whether it is now and
// all that waited was handed over: what the kernel logs while it is not may be in
// no count of ours.
func (r *Reader) Binding() (times uint64, bound bool) {
	return r.bindings.Load(), r.bound.Load()
}

// early is a binding that nobody reads yet.
type early struct {
	session *session
	cancel  context.CancelFunc
}

// Bind binds the group ahead of Run, which goes on with it: what is logged until
// then is read by Run, as far as the ring holds it, and counted as lost beyond
// that. Where it fails, Run binds by itself. The binding ends with ctx. Call it
// once, before Run.
func (r *Reader) Bind(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	s, err := r.bind(inner)
	if err != nil {
		cancel()
		return err
	}
	r.early = &early{s, cancel}
	r.bindings.Add(1)
	return nil
}

// Run reads until ctx is done, then returns nil. ErrGroupTaken and ErrNoRights
// say that it cannot work as things are; any other error is worth another Run.
// Only one Run at a time.
func (r *Reader) Run(ctx context.Context) error {
	over := make(chan struct{})
	parsed, drained := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(parsed)
		r.parse(over, drained)
	}()
	err := r.receive(ctx, drained)
	close(over)
	<-parsed
	return err
}

// receive owns the socket: it binds the group, and messages go into the ring.
func (r *Reader) receive(ctx context.Context, drained <-chan struct{}) error {
	if r.early == nil {
		if err := r.Bind(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	s, cancel := r.early.session, r.early.cancel
	r.early = nil
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	<-drained
	r.bound.Store(true)
	defer r.bound.Store(false)
	r.once.Do(func() { close(r.ready) })
	r.opts.Log.Debug("packet log bound", "group", r.opts.Group)
	<-s.ended
	cancel() // or closing would wait for it
	closeErr := s.conn.Close()
	switch {
	case ctx.Err() != nil:
		return nil
	case s.failure != nil:
		return fmt.Errorf("read netlink log group %d: %w", r.opts.Group, s.failure)
	}
	return fmt.Errorf("read netlink log group %d: receiving ended: %w", r.opts.Group, closeErr)
}

// session is one bound socket.
type session struct {
	conn    *kernel.Nflog
	ended   chan struct{} // closed when the library's receiving goroutine is done with us
	end     sync.Once
	failure error // set before ended is closed
}

// finish records why receiving ended.
func (s *session) finish(err error) {
	s.end.Do(func() {
		s.failure = err
		close(s.ended)
	})
}

// Errorf and Debugf make a session the library's logger, which is the only way
// to learn that its loop ended because the context was done.
func (s *session) Errorf(string, ...any) { s.finish(nil) }

// Debugf is for attributes that the library does not know.
func (s *session) Debugf(string, ...any) {}

// onlyAnswers is a filter of a netlink socket that lets pass what is no hit.
// Classic BPF reads the type of a message, which is in the machine's order, as
// big-endian.
func onlyAnswers() ([]bpf.RawInstruction, error) {
	const (
		typeOffset = 4 // in struct nlmsghdr
		packet     = 0 // NFULNL_MSG_PACKET (linux/netfilter/nfnetlink_log.h)
	)
	hit := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.NFNL_SUBSYS_ULOG<<8|packet))
	return bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: typeOffset, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(hit), SkipTrue: 1},
		bpf.RetConstant{Val: math.MaxUint32},
		bpf.RetConstant{Val: 0},
	})
}

// bind opens and binds the group. The kernel logs from the moment of binding on,
// and under a flood hits would come between the answers to our settings, which
// the library takes for a failure. So no hit passes until all is set: those of
// that moment are a gap in the sequence, or from before it began.
func (r *Reader) bind(ctx context.Context) (*session, error) {
	s := &session{ended: make(chan struct{})}
	conn, err := kernel.Open(&kernel.Config{
		Group: r.opts.Group, Copymode: kernel.CopyPacket, Bufsize: MaxPayload,
		QThresh: batch, Timeout: batchTimeout, Flags: kernel.FlagSeq, Logger: s,
	})
	if err != nil {
		return nil, fmt.Errorf("open the packet log: %w", err)
	}
	if err := conn.Con.SetReadBuffer(readBuffer); err != nil {
		r.opts.Log.Warn("packet log keeps its small buffer", "error", err)
	}
	filter, err := onlyAnswers()
	if err == nil {
		err = conn.Con.SetBPF(filter)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("hold hits back while binding: %w", err), conn.Con.Close())
	}
	s.conn = conn
	r.nextSeq = 0 // the kernel counts from 0 for each binding
	err = conn.RegisterWithErrorFunc(ctx, r.copyIn, func(err error) int {
		if errors.Is(err, unix.ENOBUFS) {
			return 0 // the kernel dropped some; the sequence says how many
		}
		s.finish(err)
		return 1
	})
	if err != nil {
		_ = conn.Con.Close() // nothing was read through it
		return nil, explainBind(r.opts.Group, err)
	}
	if err := conn.Con.RemoveBPF(); err != nil {
		return nil, errors.Join(fmt.Errorf("let hits come: %w", err), conn.Con.Close())
	}
	return s, nil
}

// explainBind tells the kernel's two uses of EPERM apart. The library keeps the
// cause as text only: the very first command fails without rights, binding the
// group fails when somebody else holds it.
func explainBind(group uint16, err error) error {
	text := err.Error()
	if !strings.Contains(text, unix.EPERM.Error()) {
		return fmt.Errorf("bind netlink log group %d: %w", group, err)
	}
	if strings.Contains(text, "requested group") {
		return fmt.Errorf("bind netlink log group %d: %w: end that program, or give another group", group, ErrGroupTaken)
	}
	return fmt.Errorf("bind netlink log group %d: %w", group, ErrNoRights)
}

// copyIn is called by the library for each message, from its one goroutine.
func (r *Reader) copyIn(a kernel.Attribute) int {
	if a.Seq != nil {
		// C11: a jump of the sequence is what the kernel could not hand over.
		r.lost.Add(uint64(*a.Seq - r.nextSeq))
		r.nextSeq = *a.Seq + 1
	}
	if !r.ring.put(func(rec *record) { rec.set(&a, time.Now()) }) {
		r.lost.Add(1)
	}
	return 0
}

// parse empties the ring and hands hits over, also what is left once over is
// closed. It closes drained when what waited in the ring was handed over.
func (r *Reader) parse(over <-chan struct{}, drained chan<- struct{}) {
	for r.ring.take(r.deliver) {
	}
	close(drained)
	for {
		for r.ring.take(r.deliver) {
		}
		select {
		case <-r.ring.wake:
		case <-over:
			for r.ring.take(r.deliver) {
			}
			return
		}
	}
}

// deliver parses one record and hands it over.
func (r *Reader) deliver(rec *record) {
	prefix, ok := r.prefix(rec.prefix)
	if !ok {
		r.foreign.Add(1)
		return
	}
	r.hit = Hit{Time: rec.time, Prefix: prefix, VLAN: rec.vlan, Port: r.ports.name(rec.port, rec.time)}
	if rec.headerLen > 0 {
		r.hit.SrcMAC = MAC(rec.header[6:12])
	}
	if rec.headerLen == 14 {
		r.hit.DstMAC = MAC(rec.header[:6])
	}
	// A malformed packet is a hit all the same, with what could be read of it.
	_ = ParsePacket(rec.etherType, rec.payload[:rec.length], &r.hit)
	r.read.Add(1)
	r.opts.Handle(&r.hit)
}

// prefix parses each prefix once: rules are few, hits are many.
func (r *Reader) prefix(s string) (Prefix, bool) {
	if p, ok := r.prefixes[s]; ok {
		return p, p.Layer != ""
	}
	p, err := ParsePrefix(s)
	if err != nil {
		r.opts.Log.Warn("foreign rule logs to our group", "group", r.opts.Group, "error", err)
		p = Prefix{}
	}
	if len(r.prefixes) >= maxPrefixes { // each generation of rules brings a few new ones
		clear(r.prefixes)
	}
	r.prefixes[s] = p
	return p, err == nil
}
