package sinkhole

import (
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
)

// everybody is who hears what is sent to it on the camera network.
var everybody = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// How much DHCP is answered. Pinned devices have a share each, and another for
// renewals; all others one together: who invents MACs takes nothing from a camera.
const (
	messagesOfOne     = 8  // a second
	messagesStrangers = 64 // a second, of all that are not pinned
)

// dhcpServer is the part of a Sinkhole that hands out addresses.
type dhcpServer struct {
	opts Options
	log  *slog.Logger

	mu         sync.Mutex // guards what follows
	quarantine *quarantine
	budget     budget
	told       map[MAC]time.Time // conflicts that the log has, at most maxTold
	short      time.Time         // when no address was left

	leased, malformed, refused, full, elsewhere, conflicts atomic.Uint64
}

func newDHCPServer(o Options) *dhcpServer {
	return &dhcpServer{opts: o, log: o.Log, quarantine: newQuarantine(), told: map[MAC]time.Time{}}
}

// Of the log about conflicts.
const (
	maxTold   = 1024
	tellEvery = 10 * time.Minute
)

// conflict says that a device found its own address in use. Where the log has
// maxTold of these, it gets no other before the first of them is old: who forges
// them for many devices fills no disk. It is called with mu held.
func (d *dhcpServer) conflict(mac MAC, ip netip.Addr) {
	d.conflicts.Add(1)
	now := d.opts.Now()
	old := func(_ MAC, last time.Time) bool { return now.Sub(last) >= tellEvery || now.Before(last) }
	if len(d.told) >= maxTold {
		maps.DeleteFunc(d.told, old)
	}
	if last, ok := d.told[mac]; ok && !old(mac, last) || !ok && len(d.told) >= maxTold {
		return
	}
	d.told[mac] = now
	d.log.Warn("a device does not take its address: it says that another one uses it", "mac", net.HardwareAddr(mac[:]).String(), "address", ip)
}

// budget is how much was taken in this second.
type budget struct {
	second    time.Time
	of        map[share]int // at most two of each that is pinned, and messagesStrangers
	strangers int
}

// share is what a message counts as. The MAC is what the message says: anybody
// may write a pinned device's. A renewal comes from that device's own address, and
// the rules have judged from which MAC: who forges the message alone takes nothing of it.
type share struct {
	mac    MAC
	renews bool // of a pinned device only
}

// take reports whether one more message of a device may be answered.
func (b *budget) take(of share, pinned bool, now time.Time) bool {
	if age := now.Sub(b.second); age < 0 || age >= time.Second {
		b.second, b.of, b.strangers = now, map[share]int{}, 0
	}
	if b.of[of] >= messagesOfOne || !pinned && b.strangers >= messagesStrangers {
		return false
	}
	if !pinned {
		b.strangers++
	}
	b.of[of]++
	return true
}

// answer makes the answer to one message. What is beyond the budget is not even parsed.
func (d *dhcpServer) answer(message []byte, from netip.Addr) *dhcpReply {
	mac, ok := hardwareOf(message)
	if !ok {
		d.malformed.Add(1)
		return nil
	}
	now := d.opts.Now()
	pin, pinned := d.opts.Leases().pinned[mac]
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.budget.take(share{mac, pinned && from == pin}, pinned, now) {
		d.refused.Add(1)
		return nil
	}
	r, err := d.reply(message, from, now)
	if err != nil {
		d.malformed.Add(1)
		return nil
	}
	return r
}

// serveDHCP answers requests for an address.
func (s *Sinkhole) serveDHCP(pc net.PacketConn) error {
	conn := ipv4.NewPacketConn(pc)
	wire, err := openWire(s.opts.Device)
	if err != nil {
		return err
	}
	defer wire.close()
	buf := make([]byte, maxDHCP+1) // one more, to tell what is too long
	for {
		n, _, sender, err := conn.ReadFrom(buf)
		if err != nil {
			if transient(err) {
				continue
			}
			return unlessClosed(fmt.Errorf("read DHCP message: %w", err))
		}
		from, ok := sender.(*net.UDPAddr)
		if !ok || from.Port != dhcpClient {
			s.dhcp.malformed.Add(1)
			continue
		}
		r := s.dhcp.answer(buf[:n], from.AddrPort().Addr().Unmap())
		if r == nil {
			continue
		}
		// The device asks again where an answer does not get through.
		if r.to == everybody {
			wire.send(r)
			continue
		}
		_, _ = conn.WriteTo(r.message.ToBytes(), &ipv4.ControlMessage{Src: r.from.AsSlice()},
			net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.to, dhcpClient)))
	}
}

// DHCPStats says how it is with the addresses for devices that are not pinned.
type DHCPStats struct {
	Quarantine int  // devices that have an address without being pinned
	Short      bool // within the last minute one got none, since all are in use

	// Since the start, for tests.
	leased    uint64 // leases given and renewed
	malformed uint64
	refused   uint64 // dropped because too many came at once
	full      uint64 // not answered because the quarantine's addresses are all in use
	elsewhere uint64 // devices that chose another server's offer
	conflicts uint64 // devices that said that another one uses their address
}

// DHCP gives what is so now, zero where no addresses are handed out.
func (s *Sinkhole) DHCP() DHCPStats {
	d := s.dhcp
	if d == nil {
		return DHCPStats{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.opts.Now()
	return DHCPStats{
		Quarantine: d.quarantine.count(d.opts.Leases(), now), Short: !d.short.IsZero() && now.Sub(d.short) < time.Minute,
		leased: d.leased.Load(), malformed: d.malformed.Load(), refused: d.refused.Load(),
		full: d.full.Load(), elsewhere: d.elsewhere.Load(), conflicts: d.conflicts.Load(),
	}
}
