package lab_test

import (
	"bytes"
	"errors"
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
	go func() {
		time.Sleep(3 * time.Second)
		d.Freeze(true)
		time.Sleep(time.Second)
		d.Freeze(false)
	}()
	marks := lab.ReadFrameNumbers(record(t, d, 0, "tcp", "7"))
	missing, gaps := 0, 0
	for i := 1; i < len(marks); i++ {
		if n := int(marks[i].Frame - marks[i-1].Frame - 1); n > 0 {
			gaps++
			missing += n
		}
	}
	if gaps != 1 || missing < 10 || missing > 25 {
		t.Errorf("%d frames missing in %d gaps, want about 15 in one", missing, gaps)
	}
}

func switchFault(t *testing.T, d *lab.Device) {
	go func() {
		time.Sleep(2500 * time.Millisecond)
		if err := d.SwitchClip(0, "corridor-sub.h264"); err != nil {
			t.Error(err)
		}
	}()
	b := record(t, d, 0, "tcp", "5")
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
