package lab

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// reportEvery is how often a sender report goes out (RFC 3550 section 6.4.1);
// one also follows each PLAY, so that a recorder knows the camera's clock at once.
const reportEvery = 5 * time.Second

// stream is one of a device's streams. It counts frames from the moment it is
// run until the lab ends, also while nobody listens.
type stream struct {
	path           string
	camera, number int
	audioFrames    [][]byte // nil: no sound
	audioFormat    *format.MPEG4Audio

	mu      sync.Mutex
	clip    *clip
	first   uint64                  // frame that the clip's loop began with
	changed bool                    // the next frame begins it
	out     *gortsplib.ServerStream // nil while the device is dead
	video   *lane
	audio   *lane
	frozen  bool
	trouble *disturber
	report  bool
	last    Mark // of the newest frame that was sent
}

// lane is one media of a stream as it is sent.
type lane struct {
	media  *description.Media
	encode func([][]byte) ([]*rtp.Packet, error)
	clock  int
	base   uint32 // RTP time of the stream's start

	packets, octets uint32 // for sender reports
	lastRTP         uint32
	lastAt          time.Time
}

func newStream(camera, number int, p Picture, audio bool) (*stream, error) {
	c, err := loadClip(p.Clip)
	if err != nil {
		return nil, err
	}
	s := &stream{path: p.Path, camera: camera, number: number, clip: c}
	if audio {
		if s.audioFrames, s.audioFormat, err = loadAudio(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// open describes the stream to a new server.
func (s *stream) open(server *gortsplib.Server) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	desc := &description.Session{Title: "camera"}
	var err error
	if s.video, err = s.newVideoLane(); err != nil {
		return err
	}
	desc.Medias = append(desc.Medias, s.video.media)
	s.audio = nil
	if s.audioFrames != nil {
		e, err := s.audioFormat.CreateEncoder()
		if err != nil {
			return fmt.Errorf("packetize sound: %w", err)
		}
		s.audio = &lane{
			media:  &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{s.audioFormat}},
			encode: e.Encode, clock: audioRate, base: random32(),
		}
		desc.Medias = append(desc.Medias, s.audio.media)
	}
	out := &gortsplib.ServerStream{Server: server, Desc: desc}
	if err := out.Initialize(); err != nil {
		return fmt.Errorf("offer the stream: %w", err)
	}
	s.out = out
	return nil
}

// newVideoLane packetizes the clip as it is now.
func (s *stream) newVideoLane() (*lane, error) {
	f := s.clip.format()
	l := &lane{media: &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{f}}, clock: 90000, base: random32()}
	switch f := f.(type) {
	case *format.H264:
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, fmt.Errorf("packetize pictures: %w", err)
		}
		l.encode = e.Encode
	case *format.H265:
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, fmt.Errorf("packetize pictures: %w", err)
		}
		l.encode = e.Encode
	}
	return l, nil
}

func (s *stream) shut() {
	s.mu.Lock()
	out := s.out
	s.out = nil
	s.mu.Unlock()
	if out != nil {
		out.Close()
	}
}

func (s *stream) live() *gortsplib.ServerStream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out
}

func (s *stream) reportSoon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report = true
}

// run sends frames when they are due, counted from its start: being late once
// does not shift what follows.
func (s *stream) run(ctx context.Context) error {
	s.mu.Lock()
	fps := s.clip.fps
	s.mu.Unlock()
	// Cameras do not send in step.
	start := time.Now().Add(time.Duration(s.camera*7+s.number*3) * time.Millisecond)
	timer := time.NewTimer(0)
	defer timer.Stop()
	nextReport := start
	for frame, sound := uint64(0), uint64(0); ; frame++ {
		due := start.Add(time.Duration(frame) * time.Second / time.Duration(fps))
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		s.mu.Lock()
		err := s.sendPicture(frame, fps, due)
		// The sound of a picture's time goes out with it.
		for ; s.audio != nil && err == nil && time.Duration(sound)*samplesPerFrame*time.Second/audioRate <= due.Sub(start); sound++ {
			err = s.sendSound(sound, start)
		}
		if now := time.Now(); s.report || now.After(nextReport) {
			s.report, nextReport = false, now.Add(reportEvery)
			s.sendReports(now)
		}
		s.mu.Unlock()
		if err != nil {
			return fmt.Errorf("camera %d stream %d: %w", s.camera, s.number, err)
		}
	}
}

// sendPicture sends one frame; s.mu is held.
func (s *stream) sendPicture(frame uint64, fps int, due time.Time) error {
	if s.out == nil || s.frozen {
		return nil
	}
	s.last = Mark{Frame: frame, Camera: s.camera, Stream: s.number, Sent: time.Now()}
	mark := markNAL(s.last, s.clip.h265)
	if s.changed {
		s.changed, s.first = false, frame
	}
	packets, err := s.video.encode(s.clip.unit(frame-s.first, mark))
	if err != nil {
		return fmt.Errorf("packetize frame %d: %w", frame, err)
	}
	s.send(s.video, packets, uint32(frame*uint64(s.video.clock)/uint64(fps)), due)
	return nil
}

// sendSound sends one audio frame; s.mu is held.
func (s *stream) sendSound(n uint64, start time.Time) error {
	if s.out == nil || s.frozen {
		return nil
	}
	packets, err := s.audio.encode([][]byte{s.audioFrames[n%uint64(len(s.audioFrames))]})
	if err != nil {
		return fmt.Errorf("packetize sound %d: %w", n, err)
	}
	s.send(s.audio, packets, uint32(n*samplesPerFrame), start.Add(time.Duration(n)*samplesPerFrame*time.Second/audioRate))
	return nil
}

// send stamps packets and writes them to whoever plays; s.mu is held.
func (s *stream) send(l *lane, packets []*rtp.Packet, ticks uint32, at time.Time) {
	l.lastRTP, l.lastAt = l.base+ticks, at
	for _, p := range packets {
		p.Timestamp += l.lastRTP
		l.packets++
		l.octets += uint32(len(p.Payload))
	}
	for _, p := range s.trouble.disturb(packets) {
		// A reader that went away, or does not keep up, is its own affair.
		_ = s.out.WritePacketRTP(l.media, p)
	}
}

// sendReports tells the clock of each media; s.mu is held.
func (s *stream) sendReports(now time.Time) {
	if s.out == nil || s.frozen {
		return
	}
	stats := s.out.Stats()
	for _, l := range []*lane{s.video, s.audio} {
		if l == nil || l.packets == 0 {
			continue
		}
		f := l.media.Formats[0]
		_ = s.out.WritePacketRTCP(l.media, &rtcp.SenderReport{
			SSRC: stats.Medias[l.media].Formats[f].LocalSSRC, NTPTime: ntpTime(now),
			RTPTime:     l.lastRTP + uint32(now.Sub(l.lastAt).Seconds()*float64(l.clock)),
			PacketCount: l.packets, OctetCount: l.octets,
		})
	}
}

// ntpTime is an NTP timestamp (RFC 5905 section 6): seconds since 1900 and a
// 32-bit fraction.
func ntpTime(t time.Time) uint64 {
	const from1900 = 2208988800
	return uint64(t.Unix()+from1900)<<32 | uint64(t.Nanosecond())<<32/1e9
}

func random32() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint32(b[:])
}
