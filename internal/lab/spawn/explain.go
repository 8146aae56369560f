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

// asRoot is how to start this very program again as root: sudo knows neither the
// directory it lies in nor what it was asked for.
func asRoot() string {
	path, err := os.Executable()
	if err != nil {
		path = os.Args[0]
	}
	words := []string{"sudo"}
	for _, w := range append([]string{path}, os.Args[1:]...) {
		if w == "" || strings.ContainsAny(w, " \t\n'\"\\$`*?[]{}()<>|&;#~!") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// explain turns a failed probe into one line that says why and what to run;
// again is the command that starts this program as root.
func explain(err error, root bool, setting func(string) string, again string) error {
	why := func(format string, args ...any) error {
		return fmt.Errorf("the lab cannot run here: %s (%w)", fmt.Sprintf(format, args...), err)
	}
	denied := errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES)
	switch {
	case errors.Is(err, errMissing):
		return why("a system package is missing; run: sudo apt install iptables ipset ebtables iproute2")
	case errors.Is(err, syscall.ENOSPC), setting("user.max_user_namespaces") == "0":
		return why("user namespaces are switched off; run: sudo sysctl user.max_user_namespaces=15000, or %s", again)
	case denied && setting("kernel.unprivileged_userns_clone") == "0" && !root:
		return why("this system keeps user namespaces to root; run: sudo sysctl kernel.unprivileged_userns_clone=1, or %s", again)
	case denied && setting("kernel.apparmor_restrict_unprivileged_userns") == "1" && !root:
		return why("AppArmor forbids user namespaces to ordinary programs; run: %s, or install a profile with \"userns,\" for this binary", again)
	case denied:
		return why("something forbids namespaces, as containers do; run it on the host itself, or give the container CAP_SYS_ADMIN and CAP_NET_ADMIN")
	case errors.Is(err, syscall.EROFS):
		return why("the kernel's settings are read-only, as in containers; run it on the host itself")
	default:
		return why("the namespaces came up but a step in them failed")
	}
}
