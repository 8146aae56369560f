package machine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/lab/machine"
)

func TestMain(m *testing.M) { machine.Main(m, none, none) }

func none() error { return nil }

func TestAMachineBootsAndKeepsItsDisk(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	m, err := machine.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.PowerOff(); err != nil {
			t.Error(err)
		}
	}()
	alone := func(*machine.Machine) error { return nil }
	if err := m.Boot(ctx, alone); err != nil {
		t.Fatal(err)
	}
	out, err := m.Run(ctx, "sh", "-c", "cat /proc/1/comm; ls /sys/class/net; systemctl --failed --plain --no-legend; touch /etc/kept /usr/kept")
	if err != nil || !strings.HasPrefix(out, "systemd\nlo\n") {
		t.Errorf("it is another machine: %v: %s", err, out)
	}
	if err := m.PowerOff(); err != nil {
		t.Fatal(err)
	}
	if err := m.Boot(ctx, alone); err != nil {
		t.Fatal(err)
	}
	if out, err := m.Run(ctx, "ls", "/etc/kept", "/usr/kept"); err != nil {
		t.Error(err, out)
	}
}
