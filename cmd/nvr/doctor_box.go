package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall"
)

// What nvr doctor looks at on the machine itself. It changes nothing.

// aSetting is one that arming has to change on every box.
const aSetting = "/proc/sys/net/ipv4/conf/all/send_redirects"

// checkSettings tells whether /proc/sys can be written to, without writing.
func checkSettings() check {
	err := unix.Access(aSetting, unix.W_OK)
	switch {
	case errors.Is(err, unix.EROFS):
		err = fmt.Errorf("/proc/sys is read-only, as in containers and under ProtectKernelTunables=: arming has to set %s and others", aSetting)
	case errors.Is(err, fs.ErrPermission):
		return check{"settings", checkUntried, "who may write to /proc/sys was not tried: run it as the user that arms"}
	case err != nil:
		err = fmt.Errorf("look at %s: %w", aSetting, err)
	}
	return found("settings", err)
}

// checkOtherBackend tells of rules that the iptables in use does not show. Each
// packet passes both, so that they let nothing by ours, but they surprise people.
func checkOtherBackend(ctx context.Context, legacy bool) check {
	const name = "other iptables"
	if legacy {
		return check{name, checkUntried, "iptables is legacy: nft list ruleset shows what nf_tables holds"}
	}
	var rules []string
	for _, program := range []string{"iptables-legacy", "ip6tables-legacy"} {
		family := strings.TrimSuffix(program, "tables-legacy")
		tables, err := os.ReadFile("/proc/net/" + family + "_tables_names") // asking the program would load them
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return check{name, checkUntried, err.Error()}
		}
		for table := range strings.FieldsSeq(string(tables)) {
			out, err := exec.CommandContext(ctx, program, "-w", "5", "-t", table, "-S").Output()
			if err != nil {
				return check{name, checkUntried, fmt.Sprintf("%s -t %s -S: %v; root may ask", program, table, err)}
			}
			if n := strings.Count(string(out), "-A "); n > 0 {
				rules = append(rules, fmt.Sprintf("%d in %s -t %s", n, program, table))
			}
		}
	}
	if len(rules) == 0 {
		return check{name, checkOK, "no rules"}
	}
	return check{name, checkOK, "rules of others: " + strings.Join(rules, ", ") + "; ours judge all the same"}
}

// checkSite looks at what a site file names, where there is one. asked says that
// somebody named the file.
func checkSite(config string, asked bool) []check {
	if _, err := os.Stat(config); errors.Is(err, fs.ErrNotExist) && !asked {
		return []check{{"site file", checkUntried, fmt.Sprintf("there is no %s: name yours with --config", config)}}
	}
	site, err := loadSite(config)
	if err != nil {
		return []check{found("site file", err)}
	}
	checks := []check{found("site file", inFile(config, configs.CheckEnvironment(site)))}
	fw := newFirewall(site, silent)
	checks = append(checks, found("camera ports", fw.Rehearse(policyOf(site))))
	armed := check{"armed before", checkOK, "no"}
	plan, err := fw.Plan(policyOf(site))
	switch at := firewall.FirstArmed(site.Storage.State); {
	case err != nil:
		armed = found("ruleset", err)
	case plan.Enforcing:
		armed.State, armed.Detail = checkBad, "containment: observe is not honoured: this box was armed before; write enforce"
	case !at.IsZero():
		armed.Detail = "since " + short(at)
	}
	return append(checks, armed)
}
