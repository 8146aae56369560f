package outguard_test

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/outguard"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

// BenchmarkGuardedPacket is what the guard costs a packet that the box takes from
// a camera: one of a video's size to a port that nobody listens on, against the
// same without the guard, in turns of one run. What putting it on the wire costs is in both.
func BenchmarkGuardedPacket(b *testing.B) {
	const round, rounds = 2000, 50
	space, err := ns.New("bench")
	if err != nil {
		b.Fatal(err)
	}
	defer space.Close()
	err = space.Do(func() error {
		if err := build(); err != nil {
			return err
		}
		cam, err := raw("cam-a")
		if err != nil {
			return err
		}
		defer unix.Close(cam)
		video := frame("02:5a:0a:14:00:01", unix.ETH_P_IP, ipv4("10.20.1.11", "10.20.0.1", 17, append(udp(), make([]byte, 1350)...)))
		g := outguard.Guard{File: b.TempDir() + "/guard", Bridge: "br-cam", Ports: []string{"port-a", "port-b"}}
		for b.Loop() {
			var took [2]time.Duration
			for range rounds {
				for i, set := range []func() error{g.Remove, g.Attach} {
					if err := set(); err != nil {
						return err
					}
					begun := time.Now()
					for range round {
						if _, err := unix.Write(cam, video); err != nil && !errors.Is(err, unix.ENOBUFS) {
							return err
						}
					}
					took[i] += time.Since(begun)
				}
			}
			b.ReportMetric(float64(took[0].Nanoseconds())/round/rounds, "ns/bare")
			b.ReportMetric(float64(took[1].Nanoseconds())/round/rounds, "ns/guarded")
			b.ReportMetric(float64(took[1])/float64(took[0]), "x")
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
