package netfilter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coreos/go-iptables/iptables"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// lockSeconds is how long to wait for another program's hold on the tables.
const lockSeconds = 5

// commandTimeout bounds one command, the wait for the lock included.
const commandTimeout = 20 * time.Second

// Options of a Kernel.
type Options struct {
	Log *slog.Logger
	// Backend chooses iptables-nft or iptables-legacy ("nft", "legacy"); empty
	// takes what the system's iptables command is.
	Backend string
	// Absent allows ports that are not there: their rules are loaded by name, the
	// read-back names them, and a repair takes them over once they come.
	Absent bool
	// GuardFile, if set, asks for the guard at the way out, and says where the
	// numbers of its programs are kept.
	GuardFile string
}

// Kernel is the kernel of the network namespace the process lives in.
type Kernel struct {
	log      *slog.Logger
	backend  string // nf_tables or legacy, as iptables -V says
	path     map[string]string
	hooks    map[ruleset.Family]*iptables.IPTables
	hasIPv6  bool
	absent   bool // Options.Absent
	unbolted bool // the bolt was drawn, or there was none

	guardFile  string // Options.GuardFile
	guardFault error  // why this process could not attach the guard

	want       ruleset.Ruleset // last applied; guarded, as all else, by the single caller
	generation int             // of the chains in force; 0 before the first Apply
	runs       atomic.Int64    // commands run
	others     others          // what other programs have in the backend that is not in use
	printed    printed         // what was read back last
}

// Errors that say what to do.
var (
	ErrMissing = errors.New("a needed program is missing")
	ErrRights  = errors.New("not permitted: run as root, or give the service CAP_NET_ADMIN and CAP_NET_RAW")
	ErrPort    = errors.New("port refused")
)

// The commands, and the packages of Debian and Ubuntu that hold them.
var commands = [...]struct{ name, pkg string }{
	{"iptables", "iptables"},
	{"iptables-restore", "iptables"},
	{"iptables-save", "iptables"},
	{"ip6tables", "iptables"},
	{"ip6tables-restore", "iptables"},
	{"ip6tables-save", "iptables"},
	{"ebtables-nft-restore", "iptables"},
	{"ebtables-nft-save", "iptables"},
	{"ipset", "ipset"},
	{"nft", "nftables"},
}

// New finds the commands and the backend in use. It changes nothing.
func New(o Options) (*Kernel, error) {
	k := &Kernel{
		log: o.Log, absent: o.Absent, guardFile: o.GuardFile, guardFault: errOnlyLooks, path: map[string]string{},
		hooks: map[ruleset.Family]*iptables.IPTables{},
	}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	_, err := os.Stat("/proc/sys/net/ipv6")
	k.hasIPv6 = err == nil
	for _, c := range commands {
		file := c.name
		if o.Backend != "" && c.pkg == "iptables" && !strings.HasPrefix(file, "ebtables") {
			family, verb, _ := strings.Cut(file, "-")
			file = family + "-" + o.Backend
			if verb != "" {
				file += "-" + verb
			}
		}
		p, err := lookPath(file)
		if err != nil {
			return nil, fmt.Errorf("%w: %s; install it with: apt-get install %s", ErrMissing, file, c.pkg)
		}
		k.path[c.name] = p
	}
	for f, name := range map[ruleset.Family]string{ruleset.IPv4: "iptables", ruleset.IPv6: "ip6tables"} {
		proto := iptables.ProtocolIPv4
		if f == ruleset.IPv6 {
			proto = iptables.ProtocolIPv6
		}
		ipt, err := iptables.New(iptables.IPFamily(proto), iptables.Timeout(lockSeconds), iptables.Path(k.path[name]))
		if err != nil {
			return nil, fmt.Errorf("ask for the version of %s: %w", name, err)
		}
		k.hooks[f] = ipt
	}
	if err := k.detectBackend(); err != nil {
		return nil, err
	}
	for _, family := range []string{"iptables", "ip6tables"} {
		name := family + "-" + k.otherBackend()
		if p, err := lookPath(name); err == nil {
			k.path[name] = p
		}
	}
	return k, nil
}

// detectBackend reads "iptables v1.8.9 (nf_tables)".
func (k *Kernel) detectBackend() error {
	out, err := exec.Command(k.path["iptables"], "-V").Output() //nolint:noctx // prints a constant
	if err != nil {
		return fmt.Errorf("ask for the version of iptables: %w", err)
	}
	k.backend = "legacy"
	if bytes.Contains(out, []byte("(nf_tables)")) {
		k.backend = "nf_tables"
	}
	return nil
}

// Backend is nf_tables or legacy.
func (k *Kernel) Backend() string { return k.backend }

// Generation is the number of the chains in force, 0 if none were loaded by this Kernel.
func (k *Kernel) Generation() int { return k.generation }

// Commands is how many commands were run so far: the account of C9.
func (k *Kernel) Commands() int { return int(k.runs.Load()) }

// lookPath also looks where a user's PATH often does not.
func lookPath(file string) (string, error) {
	p, err := exec.LookPath(file)
	if err == nil {
		return p, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if p := filepath.Join(dir, file); executable(p) {
			return p, nil
		}
	}
	return "", fmt.Errorf("look for %s: %w", file, err)
}

func executable(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

// run gives one command its input and returns its output.
func (k *Kernel) run(ctx context.Context, input, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	k.runs.Add(1)
	c := exec.CommandContext(ctx, k.path[name], args...)
	// Commands see no settings of the user's but the lock's place.
	c.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	if lock := os.Getenv("XTABLES_LOCKFILE"); lock != "" {
		c.Env = append(c.Env, "XTABLES_LOCKFILE="+lock)
	}
	c.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("run %s %s: %w", name, strings.Join(args, " "), explain(err, errs.String()))
	}
	return out.String(), nil
}

// explain turns what a command said into an error that says what to do.
func explain(err error, said string) error {
	said = strings.TrimSpace(said)
	if len(said) > 500 {
		said = said[:500]
	}
	switch {
	case strings.Contains(said, "Permission denied") || strings.Contains(said, "Operation not permitted"):
		return fmt.Errorf("%w (%s)", ErrRights, said)
	case strings.Contains(said, "set type not supported"):
		return fmt.Errorf("this kernel lacks ip_set_bitmap_ipmac, ip_set_hash_ip or ip_set_hash_net: load the modules (%s)", said)
	case strings.Contains(said, "No chain/target/match") || strings.Contains(said, "Extension") && strings.Contains(said, "not supported"):
		return fmt.Errorf("this kernel lacks a match or target (xt_set, xt_conntrack, xt_comment, xt_devgroup, xt_hashlimit, xt_NFLOG, xt_REDIRECT): load the modules (%s)", said)
	case said != "":
		return fmt.Errorf("%w: %s", err, said)
	}
	return err
}

// permitted wraps errors of netlink and of /proc/sys alike.
func permitted(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("%w (%w)", ErrRights, err)
	}
	return err
}
