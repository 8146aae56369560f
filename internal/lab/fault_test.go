package lab_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/lab"
)

// describe asks ffprobe for a stream's picture size; the text is its complaint.
func describe(d *lab.Device, stream int) (string, string) {
	c := exec.Command("ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-timeout", "3000000", "-select_streams", "v", "-show_entries", "stream=width,height", "-of", "csv=p=0", withLogin(d, stream))
	var stderr strings.Builder
	c.Stderr = &stderr
	out, _ := c.Output() // a failure shows in the text
	return strings.TrimSpace(string(out)), stderr.String()
}

// sizes gives the different sequence parameter sets of an H.264 stream.
func parameterSets(b []byte) map[string]bool {
	found := map[string]bool{}
	for nal := range bytes.SplitSeq(b, []byte{0, 0, 1}) {
		if len(nal) > 0 && nal[0]&0x1f == 7 {
			found[string(bytes.TrimRight(nal, "\x00"))] = true
		}
	}
	return found
}

func TestFaults(t *testing.T) {
	l := run(t, openPlan(4))
	for name, fault := range map[string]struct {
		camera string
		test   func(*testing.T, *lab.Device)
	}{
		"password": {"gate-north", passwordFault},
		"die":      {"loading-dock", dieFault},
		"freeze":   {"vehicle-yard", freezeFault},
		"switch":   {"hq-corridor", switchFault},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fault.test(t, l.Device(fault.camera))
		})
	}
}

// pullWhile reads a camera's main stream with ffmpeg, does something once
// pictures arrive, and ends a while after that. However late this machine is,
// there are pictures on both sides.
func pullWhile(d *lab.Device, do func()) ([]byte, error) {
	c := exec.Command("ffmpeg", "-v", "error", "-analyzeduration", "1000000", "-fflags", "nobuffer", "-rtsp_transport", "tcp", "-i", withLogin(d, 0),
		"-map", "0:v:0", "-c", "copy", "-flush_packets", "1", "-f", "h264", "-")
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	defer func() { _ = c.Wait() }() // it was killed
	defer func() { _ = c.Process.Kill() }()
	_, fps := d.Last(0)
	var b bytes.Buffer
	chunk := make([]byte, 64<<10)
	for want, did := 2*fps, false; ; {
		n, err := out.Read(chunk)
		b.Write(chunk[:n])
		if err != nil {
			return b.Bytes(), fmt.Errorf("ffmpeg ended: %w", err)
		}
		got := len(lab.ReadFrameNumbers(b.Bytes()))
		switch {
		case got >= want && did:
			return b.Bytes(), nil
		case got >= want:
			do()
			did, want = true, got+3*fps
		}
	}
}

func passwordFault(t *testing.T, d *lab.Device) {
	d.RefusePassword(true)
	if size, text := describe(d, 1); size != "" || !strings.Contains(text, "401") {
		t.Errorf("got %q %q, want a refusal", size, text)
	}
	d.RefusePassword(false)
	if size, text := describe(d, 1); size != "640,360" {
		t.Errorf("got %q %q, want the substream's size", size, text)
	}
}

func dieFault(t *testing.T, d *lab.Device) {
	c, err := net.Dial("tcp", net.JoinHostPort(d.Camera.IP().String(), "554"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	d.Die()
	_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, syscall.EAGAIN) {
		t.Errorf("an open connection read %v, want its end", err)
	}
	refused := func() bool {
		again, err := net.Dial("tcp", c.RemoteAddr().String())
		if err == nil {
			again.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	for deadline := time.Now().Add(2 * time.Second); !refused(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a dead camera refuses nobody")
		}
	}
	if err := d.Revive(); err != nil {
		t.Fatal(err)
	}
	if err := d.Unplug(true); err != nil {
		t.Fatal(err)
	}
	if _, err := net.DialTimeout("tcp", c.RemoteAddr().String(), 300*time.Millisecond); err == nil {
		t.Error("an unplugged camera answers")
	}
	if err := d.Unplug(false); err != nil {
		t.Fatal(err)
	}
	if size, text := describe(d, 0); size != "1280,720" {
		t.Errorf("plugged in again: %q %q", size, text)
	}
}

func freezeFault(t *testing.T, d *lab.Device) {
	frozen := make(chan int, 1)
	b, err := pullWhile(d, func() {
		d.Freeze(true)
		before, fps := d.Last(0)
		// Frames are counted on while none is sent: a second later by its own clock.
		time.Sleep(time.Second)
		d.Freeze(false)
		after := before
		for after.Frame == before.Frame {
			time.Sleep(time.Millisecond)
			after, _ = d.Last(0)
		}
		n := int(after.Frame - before.Frame - 1)
		if n < fps/2 {
			t.Errorf("%d frames were not sent in a second", n)
		}
		frozen <- n
	})
	if err != nil {
		t.Fatal(err)
	}
	marks := lab.ReadFrameNumbers(b)
	missing, gaps := 0, 0
	for i := 1; i < len(marks); i++ {
		if n := int(marks[i].Frame - marks[i-1].Frame - 1); n > 0 {
			gaps++
			missing += n
		}
	}
	if want := <-frozen; gaps != 1 || missing != want {
		t.Errorf("%d frames missing in %d gaps, want %d in one", missing, gaps, want)
	}
}

func switchFault(t *testing.T, d *lab.Device) {
	b, err := pullWhile(d, func() {
		if err := d.SwitchClip(0, "corridor-sub.h264"); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(parameterSets(b)); n != 2 {
		t.Errorf("%d different parameter sets, want 2", n)
	}
	marks := lab.ReadFrameNumbers(b)
	if last := marks[len(marks)-1].Frame - marks[0].Frame; last != uint64(len(marks)-1) {
		t.Errorf("%d frames over %d numbers", len(marks), last+1)
	}
	d.Die()
	if err := d.Revive(); err != nil {
		t.Fatal(err)
	}
	if size, text := describe(d, 0); size != "640,360" {
		t.Errorf("described as %q %q, want the new size", size, text)
	}
	if err := d.SwitchClip(0, "dock-main.h265"); err == nil {
		t.Error("the codec was changed under running sessions")
	}
}

// A bridge that comes late and has a hardware address of its own, as the
// product's: what the devices send must arrive then, in both families.
// So must they after the cable was out.
func TestPacketsLeaveOnceTheGatewayComesUp(t *testing.T) {
	p := lab.DefaultPlan(4)
	l := run(t, p)
	time.Sleep(time.Second) // the devices have tried in vain
	if s := l.Stats(); s.SentByCameras+s.OutsideReceived != 0 {
		t.Errorf("with all ports down: %s", text(s))
	}
	remove := bridge(t, p.Ports())
	defer remove()
	bySixth := func() (n uint64) {
		for _, k := range l.Stats().OutsideKinds {
			if k.Family == 6 && k.Protocol != "udp" { // the rogue sends UDP alone
				n += k.Packets
			}
		}
		return n
	}
	eventually(t, 15*time.Second, func() bool { return len(l.Stats().OutsideKinds) > 5 && bySixth() > 0 }, func() string { return text(l.Stats()) })

	d := l.Device("vehicle-yard")
	if err := d.Unplug(true); err != nil {
		t.Fatal(err)
	}
	before := bySixth()
	if err := d.Unplug(false); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, func() bool { return bySixth() > before }, func() string { return text(l.Stats()) })
}
