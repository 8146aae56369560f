package rtsp

import (
	"sync/atomic"
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
)

// Stats are a session's own counts; gortsplib's mean nothing while it sees one
// packet a second.
type Stats struct {
	Packets, Bytes uint64 // RTP packets that reached the sink, with their headers
	Lost           uint64 // gaps in sequence numbers
	Reordered      uint64 // packets behind a later one, or out of all order; over UDP gortsplib sorts before we count
	Malformed      uint64 // packets on our channels that are no RTP
	Other          uint64 // packets of payload types that were not asked for
	JunkBytes      uint64 // between frames
	Reads          uint64 // of the socket
	LastPacket     time.Time
}

// counters belong to the goroutine that receives.
type counters struct {
	packets, bytes, lost, reordered, malformed, other, junk, reads uint64
	leading                                                        uint64 // packets of the track that is watched for silence
}

// board is where counters are published for other goroutines.
type board struct {
	packets, bytes, lost, reordered, malformed, other, junk, reads atomic.Uint64
	leading                                                        atomic.Uint64
	lastPacket                                                     atomic.Int64 // Unix time, ns: for people

	began       time.Time    // when the media were asked for, with its monotonic reading
	lastLeading atomic.Int64 // ns since began by the monotonic clock; 0: none yet
}

func (b *board) publish(n *counters, arrival time.Time) {
	now := arrival.UnixNano()
	if n.packets != b.packets.Load() {
		b.packets.Store(n.packets)
		b.lastPacket.Store(now)
	}
	if n.leading != b.leading.Load() {
		b.leading.Store(n.leading)
		b.lastLeading.Store(max(1, int64(arrival.Sub(b.began))))
	}
	b.bytes.Store(n.bytes)
	b.lost.Store(n.lost)
	b.reordered.Store(n.reordered)
	b.malformed.Store(n.malformed)
	b.other.Store(n.other)
	b.junk.Store(n.junk)
	b.reads.Store(n.reads)
}

func (b *board) stats() Stats {
	s := Stats{
		Packets: b.packets.Load(), Bytes: b.bytes.Load(), Lost: b.lost.Load(), Reordered: b.reordered.Load(),
		Malformed: b.malformed.Load(), Other: b.other.Load(), JunkBytes: b.junk.Load(), Reads: b.reads.Load(),
	}
	if last := b.lastPacket.Load(); last != 0 {
		s.LastPacket = time.Unix(0, last).UTC()
	}
	return s
}

// silent tells for how long no packet of the leading track has come. A step of
// the recorder's clock is no silence: only monotonic readings are compared.
func (b *board) silent(now time.Time) time.Duration {
	return now.Sub(b.began) - time.Duration(b.lastLeading.Load())
}

// see counts what a packet's sequence number says.
func (n *counters) see(v media.Verdict) {
	n.lost += uint64(v.Lost)
	if v.Drop {
		n.reordered++
	}
}
