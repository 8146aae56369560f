package deb_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/internal/lab"
	"github.com/stockade-nvr/stockade/internal/lab/machine"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
	"github.com/stockade-nvr/stockade/internal/long"
)

var (
	cameraMAC = net.HardwareAddr{2, 0, 0, 0, 0, 0x11}
	portMAC   = net.HardwareAddr{2, 0, 0, 0, 1, 0x11}
	bridgeMAC = net.HardwareAddr{2, 0x5a, 10, 20, 0, 1} // as firewall/ruleset makes it of 10.20.0.1
	uplinkMAC = net.HardwareAddr{2, 0, 0, 0, 2, 1}
	outerMAC  = net.HardwareAddr{2, 0, 0, 0, 2, 2}

	cameraIP  = netip.MustParseAddr("10.20.1.11")
	boxIP     = netip.MustParseAddr("10.20.0.1")
	outsideIP = netip.MustParseAddr("203.0.113.9")
)

// A payload says whose flood it belongs to.
const (
	cameraMark  = "flood-of-camera"
	outsideMark = "flood-of-beyond"
)

// boxPort is where a service of the box listens that no camera may reach.
const boxPort = 7777

// account is what was seen of floods, over all boots of a test.
type account struct {
	sent                 atomic.Int64 // by the camera, while its wire had a carrier
	outside, camera, box atomic.Int64 // arrived there
}

// leaked is what got through, in words; empty for nothing.
func (a *account) leaked() string {
	if a.outside.Load()+a.camera.Load()+a.box.Load() == 0 {
		return ""
	}
	return fmt.Sprintf("%d packets reached the outside, %d the box, %d came from outside to the camera", a.outside.Load(), a.box.Load(), a.camera.Load())
}

// forget begins the account of leaks anew.
func (a *account) forget() {
	a.outside.Store(0)
	a.camera.Store(0)
	a.box.Store(0)
}

// world is what hangs on a machine while it runs: a camera that serves video and
// floods, and an outside that counts, answers nothing, and floods back.
type world struct {
	account *account
	port    string // the camera's, at the machine
	camera  *ns.Namespace
	outside *ns.Namespace
	stop    context.CancelFunc
	ended   sync.WaitGroup
}

// hang puts the network cards into a machine and starts all floods. The
// machine's own end of each wire is down, as cards are when a kernel finds them.
func hang(m *machine.Machine, a *account, port string) (*world, error) {
	ctx, stop := context.WithCancel(context.Background())
	w := &world{account: a, port: port, stop: stop}
	var err error
	if w.camera, err = wire(m, port, portMAC, cameraMAC, "10.20.1.11/16"); err != nil {
		return nil, err
	}
	if w.outside, err = wire(m, "up0", uplinkMAC, outerMAC, "10.99.0.2/24"); err != nil {
		return nil, err
	}
	box, err := listenInside(m)
	if err != nil {
		return nil, err
	}
	w.ended.Go(func() {
		<-ctx.Done()
		box.Close()
	})
	w.ended.Go(func() { countDatagrams(box, &a.box) })
	if err := w.startFarm(ctx); err != nil {
		return nil, err
	}
	return w, errors.Join(
		w.tap(ctx, w.outside, cameraMark, &a.outside), w.tap(ctx, w.camera, outsideMark, &a.camera),
		w.flood(ctx, w.camera, &a.sent, cameraFrames()),
		w.flood(ctx, w.outside, new(atomic.Int64), [][]byte{frame(outerMAC, uplinkMAC, outsideIP, cameraIP, 9, outsideMark)}),
	)
}

func (w *world) close() {
	w.stop()
	w.ended.Wait()
	w.camera.Close()
	w.outside.Close()
}

// wire makes a namespace and a wire from it into the machine.
func wire(m *machine.Machine, inside string, near, far net.HardwareAddr, address string) (*ns.Namespace, error) {
	space, err := ns.New(inside)
	if err != nil {
		return nil, err
	}
	return space, space.Do(func() error {
		if err := netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: "eth0", HardwareAddr: far},
			PeerName:  inside, PeerHardwareAddr: near, PeerNamespace: m.Net(),
		}); err != nil {
			return fmt.Errorf("make the wire to %s: %w", inside, err)
		}
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		return errors.Join(netlink.AddrAdd(link, a), netlink.LinkSetUp(link))
	})
}

// startFarm serves the camera's video.
func (w *world) startFarm(ctx context.Context) error {
	var l net.Listener
	if err := w.camera.Do(func() (err error) {
		l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "0.0.0.0:554")
		return err
	}); err != nil {
		return err
	}
	farm, err := lab.NewFarm(lab.FarmOptions{Cameras: 1, Listener: l})
	if err != nil {
		return err
	}
	w.ended.Go(func() { _ = farm.Run(ctx) })
	return nil
}

// listenInside opens the box's own service; it belongs to the machine's network.
func listenInside(m *machine.Machine) (c net.PacketConn, err error) {
	err = m.Inside(func() error {
		c, err = (&net.ListenConfig{}).ListenPacket(context.Background(), "udp", fmt.Sprintf("0.0.0.0:%d", boxPort))
		return err
	})
	return c, err
}

func countDatagrams(c net.PacketConn, n *atomic.Int64) {
	b := make([]byte, 2048)
	for {
		size, _, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		if bytes.HasPrefix(b[:size], []byte(cameraMark)) {
			n.Add(1)
		}
	}
}

// packetSocket opens a packet socket on a namespace's eth0; it sees what is sent, too.
func packetSocket(space *ns.Namespace, protocol uint16) (f *os.File, err error) {
	err = space.Do(func() error {
		ifc, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		f = os.NewFile(uintptr(fd), "packets of "+space.Name)
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol<<8 | protocol>>8, Ifindex: ifc.Index})
	})
	return f, err
}

// tap counts what arrives of the other side's flood.
func (w *world) tap(ctx context.Context, space *ns.Namespace, mark string, n *atomic.Int64) error {
	f, err := packetSocket(space, unix.ETH_P_ALL)
	if err != nil {
		return fmt.Errorf("tap %s: %w", space.Name, err)
	}
	if err := ignoreOutgoing(f); err != nil {
		return fmt.Errorf("tap %s: %w", space.Name, err)
	}
	w.ended.Go(func() {
		<-ctx.Done()
		f.Close()
	})
	w.ended.Go(func() {
		b := make([]byte, 2048)
		for {
			size, err := f.Read(b)
			if err != nil && ctx.Err() != nil {
				return
			}
			if bytes.Contains(b[:max(size, 0)], []byte(mark)) {
				n.Add(1)
			}
		}
	})
	return nil
}

func ignoreOutgoing(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	const packetIgnoreOutgoing = 23 // PACKET_IGNORE_OUTGOING, linux/if_packet.h
	var set error
	err = raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_PACKET, packetIgnoreOutgoing, 1) })
	return errors.Join(err, set)
}

// pause between two bursts of a flood: some 10,000 packets a second, or as many as go.
var pause = time.Duration(long.Times(int(time.Millisecond), 0))

// flood sends frames in turn until ctx ends. What finds no carrier is not
// counted: nobody could have received it.
func (w *world) flood(ctx context.Context, space *ns.Namespace, sent *atomic.Int64, frames [][]byte) error {
	f, err := packetSocket(space, 0)
	if err != nil {
		return fmt.Errorf("flood from %s: %w", space.Name, err)
	}
	h, err := space.Handle()
	if err != nil {
		return err
	}
	w.ended.Go(func() {
		defer f.Close()
		defer h.Close()
		carrier := false
		for i := 0; ctx.Err() == nil; i++ {
			if i%16 == 0 {
				link, err := h.LinkByName("eth0")
				carrier = err == nil && link.Attrs().RawFlags&unix.IFF_LOWER_UP != 0
			}
			for _, b := range frames {
				if _, err := f.Write(b); err == nil && carrier {
					sent.Add(1)
				}
			}
			time.Sleep(pause)
		}
	})
	return nil
}

// cameraFrames are a camera's: to the outside and to the box's service, to the
// port's own MAC and to the bridge's, as itself and as somebody nobody knows.
func cameraFrames() [][]byte {
	var all [][]byte
	stranger := netip.MustParseAddr("10.20.1.77")
	elsewhere := netip.MustParseAddr("10.77.1.77") // in no camera network, see zealOther
	for _, to := range []net.HardwareAddr{portMAC, bridgeMAC} {
		all = append(all,
			frame(cameraMAC, to, cameraIP, outsideIP, 9, cameraMark), frame(cameraMAC, to, cameraIP, boxIP, boxPort, cameraMark),
			frame(net.HardwareAddr{2, 0, 0, 0, 0, 0x77}, to, stranger, outsideIP, 9, cameraMark),
			frame(cameraMAC, to, elsewhere, outsideIP, 9, cameraMark))
	}
	return all
}

// frame makes a UDP packet of a flood, with its Ethernet header.
func frame(src, dst net.HardwareAddr, from, to netip.Addr, port uint16, payload string) []byte {
	b := append(append(append([]byte{}, dst...), src...), 8, 0)
	size := 28 + len(payload)
	ip := []byte{0x45, 0, byte(size >> 8), byte(size), 0, 0, 0x40, 0, 64, 17, 0, 0}
	ip = append(append(ip, from.AsSlice()...), to.AsSlice()...)
	sum := uint32(0)
	for i := 0; i < len(ip); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum+sum>>16))
	udp := binary.BigEndian.AppendUint16(nil, 40000)
	udp = binary.BigEndian.AppendUint16(udp, port)
	udp = binary.BigEndian.AppendUint16(udp, uint16(8+len(payload)))
	udp = append(udp, 0, 0) // no checksum
	return append(append(append(b, ip...), udp...), payload...)
}
