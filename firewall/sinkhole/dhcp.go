package sinkhole

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

// Times of leases.
const (
	// leaseTime is a pinned device's. A change of its address reaches it within
	// that time; half of it the recorder may be away and nobody loses its address.
	leaseTime = time.Hour
	// quarantineTime is short, so that a device comes for its own address soon
	// after it was pinned: what it sends before is dropped, a renewal, too.
	quarantineTime = 5 * time.Minute
)

const (
	maxDHCP     = 1500 // bytes of a message that are read; more is malformed
	dhcpPort    = 67
	dhcpClient  = 68
	maxClientID = 255 // bytes: one option; a longer one is not echoed
)

// errNotOurs says that a message is none that this server answers. It is normal:
// devices may send anything.
var errNotOurs = errors.New("no message to answer")

// dhcpReply is an answer and where it goes: the device's own address where it has
// it already, else the address of everybody, for a device without one hears nothing else.
type dhcpReply struct {
	message *dhcpv4.DHCPv4
	to      netip.Addr
	from    netip.Addr // ours, in the device's network
}

// reply decides on one message, which came from an address; nil where none is
// due. Only what is Ethernet's, and comes from no relay, is answered: an answer
// to a relay goes where its message says.
func (d *dhcpServer) reply(message []byte, from netip.Addr, now time.Time) (*dhcpReply, error) {
	if len(message) > maxDHCP {
		return nil, errNotOurs
	}
	// A device that does not say where its options end has ended them all the same.
	q, err := dhcpv4.FromBytes(append(message[:len(message):len(message)], dhcpv4.OptionEnd.Code()))
	if err != nil {
		return nil, fmt.Errorf("read a DHCP message: %w", err)
	}
	giaddr, _ := netip.AddrFromSlice(q.GatewayIPAddr.To4())
	mac, ok := hardwareOf(message)
	if !ok || q.OpCode != dhcpv4.OpcodeBootRequest || q.HWType != iana.HWTypeEthernet || giaddr != netip.IPv4Unspecified() {
		return nil, errNotOurs
	}
	l := d.opts.Leases()
	pin, pinned := l.pinned[mac]
	ask := dhcpAsk{l: l, q: q, mac: mac, from: from, now: now}
	switch q.MessageType() {
	case dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeInform,
		dhcpv4.MessageTypeDecline, dhcpv4.MessageTypeRelease:
	default:
		return nil, errNotOurs
	}
	if pinned {
		return d.replyPinned(ask, pin), nil
	}
	return d.replyStranger(ask), nil
}

// hardwareOf reads the hardware address that a message names, RFC 2131 §2.
func hardwareOf(message []byte) (mac MAC, ok bool) {
	const at = 28
	if len(message) < at+len(mac) || message[2] != byte(len(mac)) {
		return mac, false
	}
	mac = MAC(message[at:])
	return mac, mac[0]&1 == 0 && mac != (MAC{})
}

// dhcpAsk is one message that is answered.
type dhcpAsk struct {
	l    *Leases
	q    *dhcpv4.DHCPv4
	mac  MAC
	from netip.Addr
	now  time.Time
}

// wants is the address that a device has or asks for, if it says.
func (a dhcpAsk) wants() netip.Addr {
	if ip, ok := netip.AddrFromSlice(a.q.ClientIPAddr.To4()); ok && !ip.IsUnspecified() {
		return ip
	}
	ip, _ := netip.AddrFromSlice(a.q.RequestedIPAddress().To4())
	return ip
}

// elsewhere reports whether a device has chosen another server's offer.
func (a dhcpAsk) elsewhere() bool {
	id, ok := netip.AddrFromSlice(a.q.ServerIdentifier().To4())
	return ok && !a.l.ours(id)
}

// replyPinned gives a device of the site file its own address, and no other.
func (d *dhcpServer) replyPinned(a dhcpAsk, pin netip.Addr) *dhcpReply {
	r := &dhcpReply{from: a.l.network(pin).Addr(), to: everybody}
	if a.from == pin { // it speaks as what it is pinned as: a renewal
		r.to = pin
	}
	switch a.q.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		r.message = a.message(dhcpv4.MessageTypeOffer, pin, leaseTime)
	case dhcpv4.MessageTypeRequest:
		switch {
		case a.elsewhere():
			d.elsewhere.Add(1)
			return nil
		case a.wants() != pin:
			r.message, r.to = a.refusal(pin), everybody
		default:
			d.leased.Add(1)
			r.message = a.message(dhcpv4.MessageTypeAck, pin, leaseTime)
		}
	case dhcpv4.MessageTypeInform:
		if a.from != pin {
			return nil
		}
		r.message = a.message(dhcpv4.MessageTypeAck, netip.IPv4Unspecified(), 0)
	case dhcpv4.MessageTypeDecline:
		d.conflict(a.mac, pin)
		return nil
	default: // it may go without its address; nobody else gets that
		return nil
	}
	return r
}

// replyStranger gives a device that nobody knows an address that is pinned to
// nobody: nothing of it passes, but what it tries arrives here and is seen.
func (d *dhcpServer) replyStranger(a dhcpAsk) *dhcpReply {
	r := &dhcpReply{from: a.l.networks[0].Addr(), to: everybody}
	switch a.q.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		ip, ok := d.quarantine.give(a.l, a.mac, a.wants(), a.now, offered)
		if !ok {
			d.full.Add(1)
			d.short = a.now
			return nil
		}
		r.message = a.message(dhcpv4.MessageTypeOffer, ip, quarantineTime)
	case dhcpv4.MessageTypeRequest:
		if a.elsewhere() {
			d.elsewhere.Add(1)
			return nil
		}
		wanted := a.wants()
		if !d.quarantine.may(a.l, a.mac, wanted, a.now) {
			r.message = a.refusal(wanted)
			break
		}
		d.quarantine.give(a.l, a.mac, wanted, a.now, quarantineTime)
		d.leased.Add(1)
		r.message = a.message(dhcpv4.MessageTypeAck, wanted, quarantineTime)
	case dhcpv4.MessageTypeDecline:
		d.quarantine.decline(a.l, a.mac, a.now)
		return nil
	default:
		return nil
	}
	return r
}

// message makes an answer with all that this server ever says: nothing of what
// else is asked for. The recorder is the gateway, a gateway that leads nowhere,
// so that attempts arrive and are seen (C8): no option of another route or proxy
// (33, 121, 249, 252), nor of a domain to search (15, 119).
func (a dhcpAsk) message(kind dhcpv4.MessageType, ip netip.Addr, long time.Duration) *dhcpv4.DHCPv4 {
	network := a.l.networks[0]
	if !ip.IsUnspecified() {
		network = a.l.network(ip)
	} else if a.from.IsValid() {
		network = a.l.network(a.from)
	}
	us := network.Addr().AsSlice()
	m := a.bare(kind, us)
	m.YourIPAddr = ip.AsSlice()
	mask := make([]byte, 4)
	binary.BigEndian.PutUint32(mask, ^uint32(0)<<(32-network.Bits()))
	for _, o := range []dhcpv4.Option{
		dhcpv4.OptSubnetMask(mask), dhcpv4.OptRouter(us), dhcpv4.OptDNS(us), dhcpv4.OptNTPServers(us),
	} {
		m.UpdateOption(o)
	}
	if long > 0 {
		m.UpdateOption(dhcpv4.OptIPAddressLeaseTime(long))
		m.UpdateOption(dhcpv4.OptRenewTimeValue(long / 2))
		m.UpdateOption(dhcpv4.OptRebindingTimeValue(long * 7 / 8))
	}
	return m
}

// refusal tells a device that an address is not its own.
func (a dhcpAsk) refusal(ip netip.Addr) *dhcpv4.DHCPv4 {
	network := a.l.networks[0]
	if ip.IsValid() {
		network = a.l.network(ip)
	}
	return a.bare(dhcpv4.MessageTypeNak, network.Addr().AsSlice())
}

// bare is an answer that says from whom it is, and to whom. Of what was sent it
// has the transaction's number, the flags and the client's own name for itself,
// as RFC 6842 has it, and no more: nothing that a device puts in goes further.
func (a dhcpAsk) bare(kind dhcpv4.MessageType, us []byte) *dhcpv4.DHCPv4 {
	m := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootReply, HWType: iana.HWTypeEthernet, TransactionID: a.q.TransactionID,
		Flags: a.q.Flags & 0x8000, ClientHWAddr: a.mac[:], Options: dhcpv4.Options{},
	}
	if kind != dhcpv4.MessageTypeNak && kind != dhcpv4.MessageTypeOffer {
		m.ClientIPAddr = a.q.ClientIPAddr
	}
	m.UpdateOption(dhcpv4.OptMessageType(kind))
	m.UpdateOption(dhcpv4.OptServerIdentifier(us))
	if id := a.q.Options.Get(dhcpv4.OptionClientIdentifier); len(id) > 0 && len(id) <= maxClientID {
		m.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionClientIdentifier, id))
	}
	return m
}
