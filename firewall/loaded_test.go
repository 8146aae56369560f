package firewall_test

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/stockade-nvr/stockade/firewall/netfilter"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// loaded is a ruleset in the kernel, of which things are taken and put back.
type loaded struct {
	l          *lab
	k          *netfilter.Kernel
	rs         ruleset.Ruleset
	generation int
}

// loadRules puts a ruleset in force until unload.
func (l *lab) loadRules(rs ruleset.Ruleset) *loaded {
	l.t.Helper()
	k, err := kernelFor(rs)
	must(l.t, err)
	l.neighbours()
	foreign(l.t, "conntrack -F 2>&1") // or nat goes on with what it began before
	l.awaitLinks()
	return &loaded{l: l, k: k, rs: rs, generation: k.Generation()}
}

func (k *loaded) unload() {
	must(k.l.t, k.k.Remove(context.Background(), k.rs.Link))
	k.l.worstSettings()
}

func (k *loaded) shell(command string) { foreign(k.l.t, command) }

// rewrite loads one chain anew, in one step, less one of its rules; less none where it is negative.
func (k *loaded) rewrite(t ruleset.Table, chain, less int) {
	c := t.Chains[chain]
	name := c.ChainName(k.generation)
	lines := t.ChainLines(c, k.generation, k.rs.Revision(k.generation))
	if less >= 0 {
		lines = append(lines[:less:less], lines[less+1:]...)
	}
	var b strings.Builder
	if nft := t.Family.Nft(); nft != "" {
		fmt.Fprintf(&b, "flush chain %s %s %s\n", nft, t.Name, name)
		for _, line := range lines {
			b.WriteString(strings.Replace(line, "-A ", "add rule "+nft+" "+t.Name+" ", 1) + "\n")
		}
	} else {
		fmt.Fprintf(&b, "*%s\n%s\nCOMMIT\n", t.Name, strings.Join(append([]string{"-F " + name}, lines...), "\n"))
	}
	k.restore(t.Family, b.String())
}

// hook and unhook put our jump into its base chain, and take it out.
func (k *loaded) hook(t ruleset.Table, h ruleset.Hook) {
	spec := strings.Join(t.HookSpec(h, k.generation), " ")
	if nft := t.Family.Nft(); nft != "" {
		k.restore(t.Family, fmt.Sprintf("insert rule %s %s %s %s\n", nft, t.Name, h.Base, spec))
		return
	}
	k.restore(t.Family, fmt.Sprintf("*%s\n-I %s 1 %s\nCOMMIT\n", t.Name, h.Base, spec))
}

func (k *loaded) unhook(t ruleset.Table, h ruleset.Hook) {
	if nft := t.Family.Nft(); nft != "" {
		k.restore(t.Family, fmt.Sprintf("flush chain %s %s %s\n", nft, t.Name, h.Base))
		return
	}
	k.restore(t.Family, fmt.Sprintf("*%s\n-D %s %s\nCOMMIT\n", t.Name, h.Base, strings.Join(t.HookSpec(h, k.generation), " ")))
}

func (k *loaded) restore(f ruleset.Family, input string) {
	command := map[ruleset.Family][]string{
		ruleset.IPv4:   {"iptables-nft-restore", "--noflush"},
		ruleset.IPv6:   {"ip6tables-nft-restore", "--noflush"},
		ruleset.Bridge: {"ebtables-nft-restore", "--noflush"},
		ruleset.Inet:   {"nft", "-f", "-"},
		ruleset.Frames: {"nft", "-f", "-"},
	}[f]
	c := exec.Command(command[0], command[1:]...)
	c.Stdin = bytes.NewBufferString(input)
	if out, err := c.CombinedOutput(); err != nil {
		k.l.t.Fatalf("%s: %v: %s\n%s", command[0], err, out, input)
	}
}

// kernelFor applies a ruleset and no more.
func kernelFor(rs ruleset.Ruleset) (*netfilter.Kernel, error) {
	k, err := netfilter.New(netfilter.Options{Backend: "nft"})
	if err != nil {
		return nil, err
	}
	return k, k.Apply(context.Background(), rs)
}
