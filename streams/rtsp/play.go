package rtsp

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/stockade-nvr/stockade/streams/media"
)

// Tracks are what the session plays, as the SDP declares them.
func (s *Session) Tracks() []media.Track {
	tracks := make([]media.Track, len(s.offered))
	for i := range s.offered {
		tracks[i] = s.offered[i].track
	}
	return tracks
}

// Transport is how the packets travel.
func (s *Session) Transport() Transport { return s.config.Transport }

// Play starts the media. The sink is called from before Play returns until
// Wait has returned.
func (s *Session) Play(sink Sink) error {
	s.sink = sink
	s.board.began = time.Now()
	if d := s.conn.Load(); d != nil {
		d.arm(&s.table)
	} else {
		s.listenTo()
	}
	if _, err := s.client.Play(nil); err != nil {
		s.client.Close()
		return s.why(err)
	}
	s.at.Store(int32(phasePlaying))
	go s.watch()
	return nil
}

// listenTo is the plain path: gortsplib reads, sorts (over UDP) and hands over.
func (s *Session) listenTo() {
	for i := range s.offered {
		o := &s.offered[i]
		s.client.OnPacketRTP(o.media, o.format, func(p *rtp.Packet) { s.plainPacket(i, p) })
		s.client.OnPacketRTCP(o.media, func(p rtcp.Packet) {
			if r, ok := p.(*rtcp.SenderReport); ok {
				s.plainReport(i, r)
			}
		})
	}
}

// plainPacket is called from one goroutine a track over UDP, so it takes turns.
func (s *Session) plainPacket(track int, p *rtp.Packet) {
	arrival := time.Now()
	s.receiving.Lock()
	defer s.receiving.Unlock()
	if s.failed.Load() {
		return
	}
	h := media.RTPHeader{
		Sequence: p.SequenceNumber, Time: media.RTPTime(p.Timestamp), SSRC: p.SSRC,
		PayloadType: p.PayloadType, Marker: p.Marker,
	}
	err := s.deliver(track, h, p.Payload, p.MarshalSize(), arrival, &s.plain)
	s.publish(&s.plain, arrival)
	if err != nil {
		s.fail(err)
	}
}

func (s *Session) plainReport(track int, r *rtcp.SenderReport) {
	arrival := time.Now()
	ntp, ok := ntpTime(r.NTPTime)
	if !ok {
		return
	}
	s.receiving.Lock()
	defer s.receiving.Unlock()
	if !s.failed.Load() {
		s.report(track, report{ssrc: r.SSRC, ntp: ntp, rtp: media.RTPTime(r.RTPTime)}, arrival)
	}
}

// rtp implements outlet for the demultiplexing path.
func (s *Session) rtp(track int, packet []byte, arrival time.Time, n *counters) error {
	h, payload, err := readRTP(packet)
	if err != nil {
		n.malformed++
		return nil //nolint:nilerr // one packet that is none is counted, and the session goes on
	}
	if err := s.deliver(track, h, payload, len(packet), arrival, n); err != nil {
		s.fail(err)
		return err
	}
	return nil
}

func (s *Session) rtcp(track int, packet []byte, arrival time.Time) {
	readReports(packet, func(r report) { s.report(track, r, arrival) })
}

func (s *Session) publish(n *counters, arrival time.Time) { s.board.publish(n, arrival) }

func (s *Session) deliver(track int, h media.RTPHeader, payload []byte, size int, arrival time.Time, n *counters) error {
	n.packets++
	n.bytes += uint64(size)
	if track == s.leading {
		n.leading++
	}
	n.see(s.sequences[track].Take(h.Sequence))
	s.sources[track] = source{ssrc: h.SSRC, known: true}
	if err := s.sink.Packet(track, h, payload, arrival); err != nil {
		return sinkError(track, h.Sequence, h.SSRC, err)
	}
	return nil
}

// report hands on the reports of the source whose packets are played. Before
// the first packet none is known: such a report is dropped, another one comes.
func (s *Session) report(track int, r report, arrival time.Time) {
	if from := s.sources[track]; from.known && from.ssrc == r.ssrc {
		s.sink.Report(track, r.rtp, r.ntp, arrival)
	}
}

// watch ends a session that plays nothing any more, and keeps the low-water
// mark in line with the rate. It ends with Wait or Close.
func (s *Session) watch() {
	every := min(500*time.Millisecond, s.config.Silence/4)
	tick := time.NewTicker(every)
	defer tick.Stop()
	s.board.lastLeading.CompareAndSwap(0, max(1, int64(time.Since(s.board.began)))) // the camera's time begins with its answer
	bytes := s.board.bytes.Load()
	for {
		select {
		case <-s.ended:
			return
		case now := <-tick.C:
			if err := s.silence(now); err != nil {
				s.fail(err)
				return
			}
			if d := s.conn.Load(); d != nil {
				total := s.board.bytes.Load()
				d.lowat.rate(int(float64(total-bytes) / every.Seconds()))
				bytes = total
			}
		}
	}
}

// silence reports that the leading track gave no packet for too long. Sender
// reports and keep-alives do not count: a frozen camera goes on sending them.
func (s *Session) silence(now time.Time) error {
	if s.board.silent(now) < s.config.Silence {
		return nil
	}
	fix := "the session is opened again"
	if s.config.Transport == UDP && s.board.packets.Load() == 0 {
		fix = "if this goes on, set transport: tcp for this camera"
	}
	return find(KindNetworkLoss, fix, "no RTP packet on track %d (%s) for %s, but the session is up",
		s.leading, s.offered[s.leading].track.Codec, s.config.Silence)
}

// SetWatched says whether somebody watches live: then packets are handed over
// as soon as they come, at a higher cost.
func (s *Session) SetWatched(on bool) {
	if d := s.conn.Load(); d != nil {
		d.lowat.watch(on)
	}
}

// Stats gives the session's counts so far.
func (s *Session) Stats() Stats { return s.board.stats() }

// Wait waits until the session has ended and the sink is called no more, and
// says why: always an *[Error], of KindClosed after Close.
func (s *Session) Wait() error {
	err := s.client.Wait()
	s.end()
	return s.why(err)
}

// Close ends the session and waits for that. Call it in every case.
func (s *Session) Close() {
	s.fail(errClosed)
	s.client.Close()
	s.end()
}
