package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// FarmOptions describes a farm.
type FarmOptions struct {
	Cameras  int          // paths /cam1, /cam2, ...; the number is also in every frame's mark
	Listener net.Listener // RTSP; the farm closes it

	ClipName string // names the codec by its end, 264 or 265; default gate-main.h264
	Clip     []byte // Annex B, no B-frames, first frame a key frame; default: the embedded clip of that name
	FPS      int    // of Clip; default 15

	// PacketsPerWrite is how many RTP packets go into one write, as real cameras
	// send one; 0 writes an access unit at once, which costs the farm least.
	PacketsPerWrite int
	// MaxPending bounds what is queued for a client that does not keep up, in
	// bytes (default 4 MiB); beyond it whole frames are dropped, and counted.
	MaxPending int
}

// Farm is any number of cameras that cost as little as possible, for benchmarks:
// the clip is packetized once, one loop serves all, interleaved TCP only, no
// password. Cameras send out of step, evenly spread over a frame's time.
type Farm struct {
	o       FarmOptions
	clip    *packetClip
	cameras []*farmCamera
	start   time.Time

	frames, bytes, late, dropped, sessions, played atomic.Int64
	latest                                         atomic.Int64 // ns
}

// FarmStats is a farm's account. A run in which Late is not 0 measured the farm,
// not what it was to measure.
type FarmStats struct {
	Frames, Bytes int64         // sent
	Late          int64         // frames sent more than 50 ms after they were due
	Latest        time.Duration // the worst of them
	Dropped       int64         // frames left out because a client did not keep up
	Sessions      int64         // playing now
	Played        int64         // sessions ever
}

type farmCamera struct {
	number int
	next   uint64
	ssrc   uint32
	base   uint32

	mu       sync.Mutex // guards the list, which is replaced, never changed
	sessions []*farmSession
}

// NewFarm prepares a farm.
func NewFarm(o FarmOptions) (*Farm, error) {
	if o.ClipName == "" {
		o.ClipName = "gate-main.h264"
	}
	if o.FPS == 0 {
		o.FPS = mainFPS
	}
	if o.MaxPending == 0 {
		o.MaxPending = 4 << 20
	}
	if o.Cameras < 1 || o.Listener == nil {
		return nil, errors.New("a farm needs cameras and a listener")
	}
	var c *clip
	var err error
	if o.Clip == nil {
		c, err = loadClip(o.ClipName)
	} else {
		c, err = parseClip(o.ClipName, o.Clip, o.FPS)
	}
	if err != nil {
		return nil, err
	}
	f := &Farm{o: o}
	if f.clip, err = packetize(c); err != nil {
		return nil, err
	}
	for i := range o.Cameras {
		f.cameras = append(f.cameras, &farmCamera{number: i + 1, ssrc: 0x10000000 + uint32(i), base: random32()})
	}
	return f, nil
}

// Stats gives a snapshot.
func (f *Farm) Stats() FarmStats {
	return FarmStats{
		Frames: f.frames.Load(), Bytes: f.bytes.Load(), Late: f.late.Load(), Latest: time.Duration(f.latest.Load()),
		Dropped: f.dropped.Load(), Sessions: f.sessions.Load(), Played: f.played.Load(),
	}
}

// Run serves until ctx ends.
func (f *Farm) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { f.o.Listener.Close() })
	defer stop()
	f.start = time.Now()
	g.Go(func() error { return f.send(ctx) })
	g.Go(func() error {
		for {
			c, err := f.o.Listener.Accept()
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the listener was closed because ctx ended
			}
			if err != nil {
				return fmt.Errorf("accept: %w", err)
			}
			g.Go(func() error { f.serve(ctx, c); return nil })
		}
	})
	return g.Wait()
}

// send is the one loop: turn k belongs to camera k modulo the number of them.
func (f *Farm) send(ctx context.Context) error {
	const tick = 2 * time.Millisecond // what is due within it goes out together
	timer := time.NewTimer(0)
	defer timer.Stop()
	n := uint64(len(f.cameras))
	frame := time.Second / time.Duration(f.clip.fps)
	var scratch []byte
	for k := uint64(0); ; {
		due := func() time.Time {
			return f.start.Add(time.Duration(k/n)*time.Second/time.Duration(f.clip.fps) + frame*time.Duration(k%n)/time.Duration(n))
		}
		timer.Reset(max(tick, time.Until(due())))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		for now := time.Now(); !due().After(now); k++ {
			scratch = f.sendFrame(f.cameras[k%n], due(), now, scratch)
		}
	}
}

// sendFrame sends a camera's next frame to its sessions.
func (f *Farm) sendFrame(c *farmCamera, due, now time.Time, scratch []byte) []byte {
	number := c.next
	c.next++
	c.mu.Lock()
	sessions := c.sessions
	c.mu.Unlock()
	if len(sessions) == 0 {
		return scratch
	}
	if late := now.Sub(due); late > 50*time.Millisecond {
		f.late.Add(1)
		f.latest.Store(max(f.latest.Load(), int64(late)))
	}
	scratch, fr := f.clip.render(scratch[:0], number, c, now)
	for _, s := range sessions {
		switch s.frame(scratch, fr, f.o.PacketsPerWrite, f.o.MaxPending) {
		case frameSent:
			f.frames.Add(1)
			f.bytes.Add(int64(len(scratch)))
		case frameDropped:
			f.dropped.Add(1)
		}
		if now.Sub(s.reported) > reportEvery {
			s.reported = now
			s.report(c, f.clip.ticks(number)+c.base, now)
		}
	}
	return scratch
}

// packetClip is a clip as it goes out on an interleaved connection (RFC 2326
// section 10.12), but for what render fills in.
type packetClip struct {
	fps     int
	clip    *clip
	frames  []packetFrame
	packets int // in one pass of the loop
}

type packetFrame struct {
	wire    []byte
	headers []int // where the RTP headers begin; the four bytes of framing come before
	mark    int   // where the mark's NAL unit begins
	key     bool
	before  int // packets of the pass before this frame
}

const rtpHeader = 12

func packetize(c *clip) (*packetClip, error) {
	s := &stream{clip: c}
	lane, err := s.newVideoLane()
	if err != nil {
		return nil, err
	}
	p := &packetClip{fps: c.fps, clip: c}
	template := markNAL(Mark{Sent: time.UnixMicro(0)}, c.h265)
	for i := range c.units {
		packets, err := lane.encode(c.unit(uint64(i), template))
		if err != nil {
			return nil, fmt.Errorf("packetize frame %d: %w", i, err)
		}
		fr := packetFrame{key: c.isKey(i), before: p.packets, mark: -1}
		for _, packet := range packets {
			b, err := packet.Marshal()
			if err != nil {
				return nil, fmt.Errorf("packetize frame %d: %w", i, err)
			}
			fr.wire = append(fr.wire, '$', 0, byte(len(b)>>8), byte(len(b)))
			fr.headers = append(fr.headers, len(fr.wire))
			fr.wire = append(fr.wire, b...)
		}
		fr.mark = bytes.Index(fr.wire, template)
		if fr.mark < 0 {
			return nil, fmt.Errorf("packetize frame %d: the mark was split", i)
		}
		p.packets += len(packets)
		p.frames = append(p.frames, fr)
	}
	return p, nil
}

// ticks is a frame's RTP time from the beginning.
func (p *packetClip) ticks(number uint64) uint32 { return uint32(number * 90000 / uint64(p.fps)) }

// render appends a camera's frame, ready to be written on channel 0.
func (p *packetClip) render(dst []byte, number uint64, c *farmCamera, now time.Time) ([]byte, *packetFrame) {
	loop := uint64(len(p.frames))
	fr := &p.frames[number%loop]
	dst = append(dst, fr.wire...)
	sequence := int(number/loop)*p.packets + fr.before
	for i, at := range fr.headers {
		h := dst[at : at+rtpHeader]
		binary.BigEndian.PutUint16(h[2:], uint16(sequence+i))
		binary.BigEndian.PutUint32(h[4:], p.ticks(number)+c.base)
		binary.BigEndian.PutUint32(h[8:], c.ssrc)
	}
	copy(dst[fr.mark:], markNAL(Mark{Frame: number, Camera: c.number, Sent: now}, p.clip.h265))
	return dst, fr
}
