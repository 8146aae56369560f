package rtsp

import (
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// demux is the connection that gortsplib reads from. It reads the socket in
// large blocks, hands RTP and sender reports to the session's sink, and lets
// only the rest through: RTSP messages, and one RTP header a second, so that
// gortsplib knows the session to be alive. No per-packet memory is made.
//
// It frames from the first byte on; frames that come before it is armed (between
// the last SETUP and PLAY) are dropped, as gortsplib would end the session for
// them. Only gortsplib's reader goroutine calls Read.
type demux struct {
	net.Conn // for writing, deadlines and addresses
	out      outlet

	table  atomic.Pointer[channels] // blank until armed; what it points to is Read's
	armed  atomic.Bool
	closed atomic.Bool
	lowat  lowat

	buf      []byte // socket bytes r to w are not used yet
	r, w     int
	body     int  // bytes of an RTSP message's body still to pass through
	synced   bool // the last thing was no junk
	junkRun  int  // bytes of junk in a row
	passed   []byte
	passedAt int // what of passed gortsplib has read

	arrival   time.Time // of the block that is being parsed
	forwarded time.Time // when the last RTP header went to gortsplib
	sequences [maxTracks]uint16
	counters  counters // of this goroutine; published after each block
}

// outlet is what a demux delivers to. An error ends the session.
type outlet interface {
	rtp(track int, packet []byte, arrival time.Time, n *counters) error
	rtcp(track int, packet []byte, arrival time.Time)
	publish(n *counters, arrival time.Time)
}

const (
	readBlock    = 32 << 10
	forwardEvery = time.Second
	// forgetSource is after how much junk a source that cannot be found again
	// is no longer asked for: the camera may have taken another SSRC.
	forgetSource = 128 << 10
)

var errDemuxClosed = errors.New("connection closed by the recorder")

func newDemux(c net.Conn, out outlet) *demux {
	d := &demux{Conn: c, out: out, lowat: lowat{conn: c}, synced: true, buf: make([]byte, readBlock)}
	d.table.Store(&channels{})
	return d
}

// arm says what the channels carry. From then on RTP goes to the outlet.
func (d *demux) arm(table *channels) {
	t := *table
	d.table.Store(&t)
	d.armed.Store(true)
}

// Read gives gortsplib what is not taken out.
func (d *demux) Read(p []byte) (int, error) {
	for {
		if d.passedAt < len(d.passed) {
			n := copy(p, d.passed[d.passedAt:])
			d.passedAt += n
			return n, nil
		}
		d.passed, d.passedAt = d.passed[:0], 0
		if cap(d.passed) > readBlock { // the memory of one long answer
			d.passed = nil
		}
		if err := d.fill(); err != nil {
			return 0, err
		}
		err := d.parse()
		d.out.publish(&d.counters, d.arrival)
		if err != nil {
			return 0, err
		}
	}
}

// Close also ends a parse that is under way.
func (d *demux) Close() error {
	d.closed.Store(true)
	return d.Conn.Close()
}

// fill reads a block behind what is left of the last one.
func (d *demux) fill() error {
	if d.r > 0 {
		d.w = copy(d.buf, d.buf[d.r:d.w])
		d.r = 0
	}
	if d.w == len(d.buf) { // a frame or header larger than a block
		bigger := make([]byte, maxFrame+readBlock)
		copy(bigger, d.buf[:d.w])
		d.buf = bigger
	}
	n, err := d.Conn.Read(d.buf[d.w:])
	d.w += n
	d.arrival = time.Now()
	d.counters.reads++
	if n > 0 {
		return nil // an error comes again with the next read
	}
	return err
}

func (d *demux) parse() error {
	armed, table := d.armed.Load(), d.table.Load()
	for d.r < d.w {
		if d.closed.Load() {
			return errDemuxClosed
		}
		if d.body > 0 {
			d.pass(min(d.body, d.w-d.r), true)
			continue
		}
		it := scan(d.buf[d.r:d.w], table, d.synced)
		switch it.kind {
		case itemMore:
			if d.w-d.r < maxFrame {
				return nil
			}
			it.size = 1 // cannot be: nothing that scan waits for is that long
			d.junk(it.size, table)
		case itemJunk:
			d.junk(it.size, table)
		case itemText:
			d.synced, d.junkRun = true, 0
			d.pass(it.size, false)
			d.body = it.body
		case itemFrame:
			d.synced, d.junkRun = true, 0
			d.r += it.size
			if armed {
				if err := d.frame(&table[it.channel], it.channel, it.payload); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// pass lets n bytes through to gortsplib.
func (d *demux) pass(n int, body bool) {
	d.passed = append(d.passed, d.buf[d.r:d.r+n]...)
	d.r += n
	if body {
		d.body -= n
	}
}

func (d *demux) junk(n int, table *channels) {
	d.r += n
	d.synced = false
	d.counters.junk += uint64(n)
	d.junkRun += n
	if d.junkRun > forgetSource {
		d.junkRun = 0
		for i := range table {
			table[i].ssrcKnown = false
		}
	}
}

func (d *demux) frame(c *channel, id uint8, payload []byte) error {
	switch c.use {
	case carriesRTCP:
		d.out.rtcp(int(c.track), payload, d.arrival)
	case carriesRTP:
		if payload[1]&0x7f != c.payloadType {
			d.counters.other++
			return nil
		}
		c.ssrc, c.ssrcKnown = binary.BigEndian.Uint32(payload[8:]), true
		if err := d.out.rtp(int(c.track), payload, d.arrival, &d.counters); err != nil {
			return err
		}
		if d.arrival.Sub(d.forwarded) >= forwardEvery {
			d.forwarded = d.arrival
			d.forward(c, id, payload)
		}
	}
	return nil
}

// forward gives gortsplib an RTP header with a sequence number of its own: it
// would count the packets that it does not see as lost.
func (d *demux) forward(c *channel, id uint8, payload []byte) {
	n := len(d.passed)
	d.passed = append(d.passed, '$', id, 0, rtpHeaderSize)
	d.passed = append(d.passed, payload[:rtpHeaderSize]...)
	p := d.passed[n+frameHeader:]
	p[0] = 2 << 6 // no padding, extension or contributing sources
	d.sequences[c.track]++
	binary.BigEndian.PutUint16(p[2:], d.sequences[c.track])
	// A fixed source: gortsplib drops all packets of any but the first.
	binary.BigEndian.PutUint32(p[8:], 1+uint32(c.track))
}
