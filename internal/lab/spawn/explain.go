package spawn

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// readSetting gives the value of a kernel setting, or "" where there is none.
func readSetting(name string) string {
	b, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// explain turns a failed probe into one line that says why and what to run.
func explain(err error, root bool, setting func(string) string) error {
	why := func(format string, args ...any) error {
		return fmt.Errorf("the lab cannot run here: %s (%w)", fmt.Sprintf(format, args...), err)
	}
	denied := errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES)
	switch {
	case errors.Is(err, errMissing):
		return why("a system package is missing; run: sudo apt install iptables ipset ebtables iproute2")
	case errors.Is(err, syscall.ENOSPC), setting("user.max_user_namespaces") == "0":
		return why("user namespaces are switched off; run: sudo sysctl user.max_user_namespaces=15000, or sudo nvr demo")
	case denied && setting("kernel.unprivileged_userns_clone") == "0" && !root:
		return why("this system keeps user namespaces to root; run: sudo sysctl kernel.unprivileged_userns_clone=1, or sudo nvr demo")
	case denied && setting("kernel.apparmor_restrict_unprivileged_userns") == "1" && !root:
		return why("AppArmor forbids user namespaces to ordinary programs; run: sudo nvr demo, or install a profile with \"userns,\" for this binary")
	case denied:
		return why("something forbids namespaces, as containers do; run it on the host itself, or give the container CAP_SYS_ADMIN and CAP_NET_ADMIN")
	case errors.Is(err, syscall.EROFS):
		return why("the kernel's settings are read-only, as in containers; run it on the host itself")
	default:
		return why("the namespaces came up but a step in them failed")
	}
}
