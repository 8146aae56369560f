package main

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/internal/proof"
)

// toldAndReported is the site's receiver for a while: it hears of containment and of
// what the camera tries, both come into a report, and that is checked by itself.
func (h *household) toldAndReported(dir string) error {
	l, err := net.Listen("tcp", "127.0.0.1:16514") //nolint:noctx // of a test
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := l.Accept() // it is dialled again and again
	if err != nil {
		return err
	}
	defer c.Close()
	if err := h.camera.Do(func() error {
		d, err := net.Dial("udp", "10.20.0.1:9999") //nolint:noctx // of a test
		if err != nil {
			return err
		}
		defer d.Close()
		_, err = d.Write([]byte("home"))
		return err
	}); err != nil {
		return fmt.Errorf("try to get out: %w", err)
	}
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	var heard strings.Builder
	for in := bufio.NewReader(c); !strings.Contains(heard.String(), `"kind":"containment"`) || !strings.Contains(heard.String(), `"id.resp_h":"10.20.0.1"`); {
		b, err := in.ReadByte()
		if err != nil {
			return fmt.Errorf("after %q: %w", heard.String(), err)
		}
		heard.WriteByte(b)
	}
	file := filepath.Join(dir, "report.json")
	for _, args := range [][]string{
		{"report", "--server", "unix:" + filepath.Join(dir, "state", socketName), "--from", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "-o", file},
		{"report", "verify", file, "--key", filepath.Join(dir, "state", proof.PublicName)},
	} {
		out, err := exec.Command(h.nvr, args...).CombinedOutput() //nolint:noctx // of a test
		if err != nil {
			return fmt.Errorf("nvr %v: %w: %s", args, err, out)
		}
		if args[1] == "verify" && !strings.Contains(string(out), "dev-a ") {
			return fmt.Errorf("the report does not know who tried: %s", out)
		}
	}
	return nil
}
