package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// neededRights are the capabilities without which there is no enforcement.
var neededRights = [...]struct {
	bit  int
	name string
	why  string
}{
	{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN", "rules, sets and the bridge"},
	{unix.CAP_NET_RAW, "CAP_NET_RAW", "the log of dropped packets"},
	{unix.CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE", "DNS and NTP for cameras"},
}

// checkRights says which right is missing. Without rights there is no
// enforcement, and without enforcement nothing is run.
func checkRights() error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("read this process's rights: %w", err)
	}
	var effective uint64
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "CapEff:"); ok {
			if effective, err = strconv.ParseUint(strings.TrimSpace(v), 16, 64); err != nil {
				return fmt.Errorf("read this process's rights: %w", err)
			}
		}
	}
	for _, r := range neededRights {
		if effective&(1<<r.bit) == 0 {
			return fmt.Errorf("%s is missing, needed for %s: run as root, or give it to the service as an ambient capability", r.name, r.why)
		}
	}
	return nil
}
