package netfilter_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// cpu is what this process and the commands that it ran took so far.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

// BenchmarkReadBack is what each second costs, with 1,300 devices: where nothing
// happened, and where everything is printed.
func BenchmarkReadBack(b *testing.B) {
	for name, c := range map[string]struct {
		backend string
		printed bool
	}{"quiet/nft": {"nft", false}, "printed/nft": {"nft", true}, "quiet/legacy": {"legacy", false}} {
		b.Run(name, func(b *testing.B) {
			ports(b)
			k := kernel(b, c.backend)
			apply(b, k, site(b, 1300))
			verify(b, k)
			commands, before := k.Commands(), cpu(b)
			for b.Loop() {
				if c.printed {
					k.Forget()
				}
				if r := verify(b, k); len(r.Findings) > 0 {
					b.Fatalf("found %v", r.Findings)
				}
			}
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(k.Commands()-commands)/float64(b.N), "commands/op")
		})
	}
}

// BenchmarkArmCold1300 arms a box that never was (C9): at most 500 ms are
// promised. Compare with BenchmarkOneRulePerExec.
func BenchmarkArmCold1300(b *testing.B) {
	for _, backend := range []string{"nft", "legacy"} {
		b.Run(backend, func(b *testing.B) {
			rs, commands := site(b, 1300), 0
			for b.Loop() {
				b.StopTimer()
				ports(b)
				k := kernel(b, backend)
				b.StartTimer()
				apply(b, k, rs)
				commands = k.Commands()
			}
			b.ReportMetric(float64(commands), "commands/op")
		})
	}
}

// BenchmarkChangeOneOf1300 adds a device or takes it away, and reads back
// (C9): at most 50 ms are promised.
func BenchmarkChangeOneOf1300(b *testing.B) {
	for _, backend := range []string{"nft", "legacy"} {
		b.Run(backend, func(b *testing.B) {
			ports(b)
			k := kernel(b, backend)
			with, without := site(b, 1300), site(b, 1299)
			apply(b, k, with)
			before, used := k.Commands(), cpu(b)
			for i := 0; b.Loop(); i++ {
				if i%2 == 0 {
					apply(b, k, without)
				} else {
					apply(b, k, with)
				}
			}
			b.ReportMetric(float64(k.Commands()-before)/float64(b.N), "commands/op")
			b.ReportMetric(float64((cpu(b)-used).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// BenchmarkOneRulePerExec is what arming 1,300 devices costs at one command per
// device: 50 are measured, the figure per operation is for 1,300.
func BenchmarkOneRulePerExec(b *testing.B) {
	const measured, devices = 50, 1300
	ports(b)
	for b.Loop() {
		shell(b, "iptables -t raw -N ONE")
		for i := range measured {
			shell(b, fmt.Sprintf("exec iptables -t raw -A ONE -s 10.20.1.%d -m mac --mac-source 02:00:00:00:00:11 -j RETURN", i+1))
		}
		shell(b, "iptables -t raw -F ONE; iptables -t raw -X ONE")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)*devices/measured, "ns/1300-devices")
}
