package firewall_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall"
)

// holdForever is a daemon that armed and is then killed: see
// TestRulesOutliveTheProcess. One that is told to keep also repairs: see disturbed.
func holdForever(state string) {
	p := policy()
	if ports := os.Getenv("STOCKADE_TEST_PORTS"); ports != "" {
		p.Ports = strings.Split(ports, ",")
	}
	f := firewall.New(firewall.Options{
		StateDir: state, Interval: 100 * time.Millisecond, Backend: os.Getenv("STOCKADE_TEST_BACKEND"),
	})
	if err := f.Set(context.Background(), p); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("armed")
	if os.Getenv("STOCKADE_TEST_KEEP") == "" {
		time.Sleep(time.Minute)
		return
	}
	// It ends with the test, whatever becomes of that.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	_ = f.Run(ctx) // nil, or what the test is about
}

// C1: what is loaded stays loaded when the process that loaded it is killed.
func TestRulesOutliveTheProcess(t *testing.T) {
	l := newLab(t)
	l.proveLeaks(t)
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), "STOCKADE_TEST_HOLD="+t.TempDir())
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	line := make([]byte, 256)
	n, err := out.Read(line)
	must(t, err)
	if string(line[:n]) != "armed\n" {
		t.Fatalf("the holder says %q", line[:n])
	}
	must(t, c.Process.Kill())
	_ = c.Wait() // it was killed
	for _, name := range leaks(l.runProbes(nil)) {
		t.Errorf("leaked after kill -9: %s", name)
	}
	// The next start adopts what it finds, without opening anything.
	l.arm(policy())
	for _, name := range leaks(l.runProbes(nil)) {
		t.Errorf("leaked after the restart: %s", name)
	}
}
