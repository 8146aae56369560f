package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/auth"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"

	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

const (
	rtspPort = "554"
	rtpPort  = "8000"
	rtcpPort = "8001"
)

// Device is a simulated camera: an RTSP server in a namespace of its own, with
// two streams that run for as long as the lab does, and switches for everything
// that can go wrong with a camera. It also answers what an inspection asks (ONVIF).
type Device struct {
	Camera  Camera
	host    *host
	streams []*stream // main, sub
	phoner  *phoner   // nil: behaves
	leases  bool      // asks for its address

	mu      sync.Mutex
	server  *gortsplib.Server // nil while dead
	refuses bool
}

// buildCamera makes a camera's namespace and starts its server.
func (l *Lab) buildCamera(ctx context.Context, c *Camera) (*Device, error) {
	asks := c.DHCP && !l.plan.OpenBridge
	h, err := l.buildHost(c.ID, c.Port(), c.IP(), asks)
	if err != nil {
		return nil, err
	}
	d := &Device{Camera: *c, host: h, leases: asks}
	for i, p := range []Picture{c.Main, c.Sub} {
		s, err := newStream(c.Number, i, p, c.Audio && i == 0)
		if err != nil {
			return nil, err
		}
		d.streams = append(d.streams, s)
	}
	l.closers = append(l.closers, d)
	if !c.Says.Off {
		o, err := d.serveONVIF(ctx)
		if err != nil {
			return nil, err
		}
		l.closers = append(l.closers, o)
	}
	return d, d.Revive()
}

// Namespace is where the device lives: a test can send from it.
func (d *Device) Namespace() *ns.Namespace { return d.host.Namespace }

// Revive starts the server, which describes the streams as they are now. It does
// nothing while the server runs.
func (d *Device) Revive() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server != nil {
		return nil
	}
	ip := d.host.ip.String()
	ahead := net.ListenConfig{Control: aheadOfAddress}
	server := &gortsplib.Server{
		Handler:     d,
		RTSPAddress: net.JoinHostPort(ip, rtspPort), UDPRTPAddress: net.JoinHostPort(ip, rtpPort), UDPRTCPAddress: net.JoinHostPort(ip, rtcpPort),
		WriteQueueSize: 1024, WriteTimeout: 5 * time.Second,
		AuthMethods:              []auth.VerifyMethod{auth.VerifyMethodDigestMD5},
		DisableRTCPSenderReports: true, // the streams write their own: gortsplib's carry a wrong fraction of the second
		Listen: func(network, address string) (ln net.Listener, err error) {
			err = d.host.Do(func() error { ln, err = ahead.Listen(context.Background(), network, address); return err })
			return ln, err
		},
		ListenPacket: func(network, address string) (pc net.PacketConn, err error) {
			err = d.host.Do(func() error { pc, err = ahead.ListenPacket(context.Background(), network, address); return err })
			return pc, err
		},
	}
	// A server that was closed a moment ago may still hold its sockets.
	err := server.Start()
	for try := 0; errors.Is(err, syscall.EADDRINUSE) && try < 100; try++ {
		time.Sleep(20 * time.Millisecond)
		err = server.Start()
	}
	if err != nil {
		return fmt.Errorf("start the camera's server: %w", err)
	}
	for _, s := range d.streams {
		if err := s.open(server); err != nil {
			server.Close()
			return err
		}
	}
	d.server = server
	return nil
}

// Die ends the server and its sessions, and refuses new ones, until Revive.
func (d *Device) Die() {
	d.mu.Lock()
	server := d.server
	d.server = nil
	d.mu.Unlock()
	if server == nil {
		return
	}
	for _, s := range d.streams {
		s.shut()
	}
	server.Close()
}

// Close is Die, for the lab's end.
func (d *Device) Close() error { d.Die(); return nil }

// Unplug pulls the device's cable, or plugs it in again: nobody is told.
func (d *Device) Unplug(out bool) error {
	set := d.host.handle.LinkSetUp
	if out {
		set = d.host.handle.LinkSetDown
	}
	if err := set(d.host.link); err != nil {
		return fmt.Errorf("unplug %s: %w", d.Camera.ID, err)
	}
	if out {
		return nil
	}
	// Routes, IPv6 addresses and pinned neighbours went with the link.
	h, link, ip := d.host.handle, d.host.link, d.host.ip
	addrErr := address(h, link, sixth(ip), cameraNet6.Bits())
	if errors.Is(addrErr, errExists) {
		addrErr = nil
	}
	return errors.Join(addrErr, route(h, link, everything(ip), recorderIP), route(h, link, everything(gateway6), gateway6), d.host.repin())
}

// RefusePassword makes the device refuse its own password, or take it again.
// Running sessions go on.
func (d *Device) RefusePassword(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuses = on
}

// allowed checks a request's digest (RFC 2617) against the device's password.
func (d *Device) allowed(c *gortsplib.ServerConn, r *base.Request) bool {
	d.mu.Lock()
	password := d.Camera.Password
	if d.refuses {
		password += " no more"
	}
	d.mu.Unlock()
	return c.VerifyCredentials(r, d.Camera.Username, password)
}

// find answers for the stream at a path.
func (d *Device) find(c *gortsplib.ServerConn, r *base.Request, path string) (*base.Response, *gortsplib.ServerStream, error) {
	if !d.allowed(c, r) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	for _, s := range d.streams {
		if s.path == path {
			if live := s.live(); live != nil {
				return &base.Response{StatusCode: base.StatusOK}, live, nil
			}
		}
	}
	return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
}

// OnDescribe implements gortsplib.ServerHandlerOnDescribe.
func (d *Device) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return d.find(ctx.Conn, ctx.Request, ctx.Path)
}

// OnSetup implements gortsplib.ServerHandlerOnSetup.
func (d *Device) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return d.find(ctx.Conn, ctx.Request, ctx.Path)
}

// OnPlay implements gortsplib.ServerHandlerOnPlay.
func (d *Device) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	for _, s := range d.streams {
		if s.path == ctx.Path {
			s.reportSoon()
		}
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnStreamWriteError implements gortsplib.ServerHandlerOnStreamWriteError: a
// reader that does not keep up loses packets, as with a real camera.
func (d *Device) OnStreamWriteError(*gortsplib.ServerHandlerOnStreamWriteErrorCtx) {}
