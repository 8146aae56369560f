package outguard_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/outguard"
)

// containment is where the table of what each part of L6 alone holds stands.
const containment = "../../docs/containment.md"

// C3, L6: each part of the guard, taken away, opens what docs/containment.md says
// that it holds, and nothing else. Drift is not repaired meanwhile.
func TestEachPartOfTheGuardHoldsSomething(t *testing.T) {
	box(t, func(g outguard.Guard) error {
		document, err := os.ReadFile(containment)
		if err != nil {
			return err
		}
		for _, part := range []struct {
			name string
			away func() error
		}{
			{"the program where frames leave by an interface", func() error { return detach("up0", outguard.AtEgress) }},
			{"the one where they come in by a port", func() error { return detach("port-a", outguard.AtIngress) }},
			{"XDP on the bridge", func() error { return sh("ip link set dev br-cam xdpgeneric off") }},
			{"all of it", g.Remove},
		} {
			if err := g.Attach(); err != nil {
				return err
			}
			if err := part.away(); err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
			opened, err := openWays()
			if err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
			says := "nothing leaves"
			if len(opened) > 0 {
				says = "leak: " + strings.Join(opened, ", ")
			}
			if row := fmt.Sprintf("| %s | %s |\n", part.name, says); !strings.Contains(string(document), row) {
				t.Errorf("%s does not say:\n%s", containment, row)
			}
		}
		return nil
	})
}

// openWays are those that frames of camera A leave by now.
func openWays() ([]string, error) {
	var opened []string
	for _, w := range ways {
		if err := sh(w.put); err != nil {
			return nil, err
		}
		n, err := outside(50)
		if err != nil {
			return nil, err
		}
		if err := sh(w.off); err != nil {
			return nil, err
		}
		if n > 0 {
			opened = append(opened, w.name)
		}
	}
	switch err := putXDP(link.XDPGenericMode); {
	case err == nil:
		opened = append(opened, "an XDP program on a port")
	case !errors.Is(err, unix.EEXIST):
		return nil, err
	}
	return slices.Clip(opened), nil
}
