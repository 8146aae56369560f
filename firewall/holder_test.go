package firewall_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall"
)

// holdForever is a daemon that armed and is then killed: see TestRulesOutliveTheProcess.
func holdForever(state string) {
	f := firewall.New(firewall.Options{StateDir: state})
	if err := f.Set(context.Background(), policy()); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("armed")
	time.Sleep(time.Minute)
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
