package firewall_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// C5: one device cannot fill the kernel's table of connections with questions,
// each from a port of its own, after which nobody gets anything new through; and
// it takes nothing from another device's share.
func TestOneDeviceCannotFillTheTableOfConnections(t *testing.T) {
	const (
		questions = 30_000
		atOnce    = 1000 // as the rules say
		aSecond   = 500
	)
	for _, backend := range []string{"nft", "legacy"} {
		t.Run(backend, func(t *testing.T) {
			l := newLab(t)
			f := l.armWith(policy(), backend)
			tracked := func() int {
				n, err := strconv.Atoi(strings.TrimSpace(foreign(t, "cat /proc/sys/net/netfilter/nf_conntrack_count")))
				must(t, err)
				return n
			}
			before, begun := tracked(), time.Now()
			share := func() int { return atOnce + int((time.Since(begun)+time.Second).Seconds()*aSecond) }
			for i := 0; i < questions || i < 2*share(); i++ { // however long it takes, more than may pass
				to, service := recorderIP, uint16(53)
				if i%2 == 1 {
					to, service = "8.8."+strconv.Itoa(i/50_000)+".8", 123
				}
				_, err := unix.Write(l.camA.fd, ether(bridgeMAC, camAMAC, unix.ETH_P_IP, ip4(camAIP, to, 17, udp(uint16(1024+i), service, "x"))))
				must(t, err)
			}
			n := tracked() - before
			if n < atOnce/2 || n > share() {
				t.Errorf("%d connections are in the table, of %d", n, share())
			}
			tag := newTag()
			l.camB.send(t, as4(bridgeMAC, camBMAC, camBIP, recorderIP, datagram(53))(tag))
			l.await("another device's question", func() bool { return l.home.count(tag) == 1 })
			if s := f.Status(); s.State != "enforced" {
				t.Errorf("state %s: %v", s.State, s.Reasons)
			}
		})
	}
}
