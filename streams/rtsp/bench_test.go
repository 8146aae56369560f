package rtsp_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
	"github.com/stockade-nvr/stockade/streams/rtsp"
)

// counting is a sink that only counts.
type counting struct {
	left int
	done chan struct{}
}

func (c *counting) Packet(int, media.RTPHeader, []byte, time.Time) error {
	if c.left--; c.left == 0 {
		close(c.done)
	}
	return nil
}

func (c *counting) Report(int, media.RTPTime, time.Time, time.Time) {}

// BenchmarkPacket is the cost of a packet from a loopback socket to the sink,
// the sender's included, with gortsplib's reading and with ours.
func BenchmarkPacket(b *testing.B) {
	for name, plain := range map[string]bool{"plain": true, "demux": false} {
		b.Run(name, func(b *testing.B) {
			start := make(chan struct{})
			block := bytes.Repeat(frame(0, rtpPacket(96, 1, 1, 7, make([]byte, 1388))), 20)
			cam := startCamera(b, &camera{play: func(w *wire) {
				<-start
				for w.write(block) {
				}
			}})
			config := cam.config()
			config.Plain, config.Silence = plain, time.Minute
			s, err := rtsp.Open(context.Background(), config)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			sink := &counting{left: b.N, done: make(chan struct{})}
			if err := s.Play(sink); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(1400)
			b.ReportAllocs()
			b.ResetTimer()
			close(start)
			<-sink.done
			b.StopTimer()
		})
	}
}
