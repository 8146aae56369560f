package netfilter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// ErrNotEnforced says that after loading, the read-back found something else.
var ErrNotEnforced = errors.New("the read-back differs from the ruleset")

// Apply makes the kernel hold the ruleset; where it already does, nothing is
// changed. On an error the ruleset before it is in force again, or no port is
// up that nothing guards. A failed Apply may be repeated.
func (k *Kernel) Apply(ctx context.Context, rs ruleset.Ruleset) error {
	if err := k.checkPorts(rs.Link); err != nil {
		return err
	}
	before, had := k.want, k.generation > 0
	err := k.load(ctx, before.Link, rs)
	if err == nil {
		return nil
	}
	// Also when asked to end: half a change must not stay.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rescueTimeout)
	defer cancel()
	k.want = before
	if !had {
		k.generation = 0
		return errors.Join(err, k.closeUnguarded(ctx, rs))
	}
	if again := k.load(ctx, rs.Link, before); again != nil {
		err = errors.Join(err, fmt.Errorf("load the ruleset before it again: %w", again))
	}
	k.want = before
	return errors.Join(err, k.closeUnguarded(ctx, before))
}

// rescueTimeout bounds what is done after a failure.
const rescueTimeout = time.Minute

// Repair applies the last ruleset again. Unlike Apply it does what it can
// while a port is unplugged. Where it fails, ports that nothing guards go down.
func (k *Kernel) Repair(ctx context.Context) error {
	if k.generation == 0 {
		return ErrNothingApplied
	}
	err := k.load(ctx, k.want.Link, k.want)
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rescueTimeout)
	defer cancel()
	return errors.Join(err, k.closeUnguarded(ctx, k.want))
}

// load brings the kernel to the ruleset, from the links of the one before it.
func (k *Kernel) load(ctx context.Context, before ruleset.Link, rs ruleset.Ruleset) error {
	// What closes without any table does not wait for the tables to be readable.
	have, unreadable := k.read(ctx)
	guarded := k.generation > 0
	if unreadable == nil {
		guarded = k.keepsOpen(rs, have)
	}
	unwanted, err := k.closeFirst(ctx, rs, guarded)
	if err != nil {
		return err
	}
	woke, err := k.wake(ctx, rs)
	if err != nil {
		return err
	}
	if unreadable != nil || woke {
		if have, err = k.read(ctx); err != nil {
			return err
		}
	}
	tables, err := k.loadRules(ctx, rs, have)
	if err != nil {
		return err
	}
	k.want = rs
	if err := k.loadNeighbours(rs.Link.Bridge, rs.Neighbours); err != nil {
		return err
	}
	if err := k.leave(before, rs.Link); err != nil {
		return err
	}
	if err := k.dropIPRules(rs.IPRules); err != nil {
		return err
	}
	if err := k.dropSets(ctx, unwanted); err != nil {
		return err
	}
	if err := k.loadGuard(rs.Link); err != nil {
		return err
	}
	// C1: all is read back before the first port comes up.
	r, err := k.verify(ctx, tables)
	if err != nil {
		return err
	}
	if rest := slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.Layer == ruleset.L0 || f.Foreign }); len(rest) > 0 {
		return fmt.Errorf("%w: %s", ErrNotEnforced, rest[0].What)
	}
	if err := k.unbolt(ctx); err != nil {
		return err
	}
	return k.openPorts(rs.Link)
}

// Adopt takes what the kernel holds as this ruleset's, right or wrong, so that
// Verify can tell the difference. It changes nothing; for commands that only look.
func (k *Kernel) Adopt(ctx context.Context, rs ruleset.Ruleset) error {
	have, err := k.read(ctx)
	if err != nil {
		return err
	}
	k.want, k.generation = rs, max(1, have.newest())
	return nil
}

// closeFirst loads what closes without any table: L0, L1's flags and L2; then
// the sets. It returns sets of ours that are to go once no rule refers to them.
func (k *Kernel) closeFirst(ctx context.Context, rs ruleset.Ruleset, guarded bool) (unwanted []string, err error) {
	if err := k.closePorts(rs.Link, guarded); err != nil {
		return nil, err
	}
	if err := k.loadIPRules(rs.IPRules); err != nil {
		return nil, err
	}
	if err := k.buildBridge(rs.Link); err != nil {
		return nil, err
	}
	if err := k.loadSysctls(rs.Sysctls); err != nil {
		return nil, err
	}
	if err := k.addressBridge(rs.Link); err != nil {
		return nil, err
	}
	return k.loadSets(ctx, rs.Sets)
}

// loadRules brings the tables to the ruleset, by a new generation if anything
// differs, and returns what they hold then.
func (k *Kernel) loadRules(ctx context.Context, rs ruleset.Ruleset, have snapshot) (snapshot, error) {
	// Also what an earlier process loaded counts: a restart changes nothing.
	newest := max(have.newest(), k.generation)
	if err := k.loadMembers(ctx, rs, have); err != nil {
		return nil, err
	}
	_, whole := k.checkOwnSets(rs, have)
	if newest > 0 && whole && len(k.checkChains(rs, newest, have)) == 0 && len(k.checkHooks(rs, newest, have)) == 0 {
		k.generation = newest
		return have, k.forget(ctx, newest, have)
	}
	next := newest + 1
	if err := k.build(ctx, rs, next, have); err != nil {
		return nil, err
	}
	built, err := k.read(ctx)
	if err != nil {
		return nil, err
	}
	if bad := k.checkChains(rs, next, built); len(bad) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrNotEnforced, bad[0].What)
	}
	if err := k.swap(ctx, rs, next, built); err != nil {
		return nil, err
	}
	k.generation = next
	k.forgetQuestions(rs)
	if err := k.forget(ctx, next, built); err != nil {
		return nil, err
	}
	return k.read(ctx)
}

// leave lets go of ports that are no longer the cameras': down, so that
// nothing passes until somebody gives them another job.
func (k *Kernel) leave(before, now ruleset.Link) error {
	for _, p := range before.Ports {
		if slices.Contains(now.Ports, p) || p == now.Bridge {
			continue
		}
		link, err := netlink.LinkByName(p)
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			continue
		}
		if err != nil {
			return fmt.Errorf("find port %s: %w", p, permitted(err))
		}
		if err := errors.Join(netlink.LinkSetDown(link), netlink.LinkSetNoMaster(link), netlink.LinkSetGroup(link, 0)); err != nil {
			return fmt.Errorf("let port %s go: %w", p, permitted(err))
		}
	}
	return nil
}

// Remove takes everything of ours out of the kernel but the bridge, its
// addresses and its ports, which stay up and no longer isolated. Only disarming does this (C1).
func (k *Kernel) Remove(ctx context.Context, l ruleset.Link) error {
	have, err := k.read(ctx)
	if err != nil {
		return err
	}
	for f, tables := range have {
		var b strings.Builder
		for name, t := range tables {
			var out []string
			for chain, rules := range t {
				for _, r := range rules {
					if _, ours := hookTarget(r.text); ours && isBase(chain) {
						out = append(out, "-D"+strings.TrimPrefix(r.text, "-A")+"\n")
					}
				}
			}
			if len(out) > 0 {
				b.WriteString("*" + name + "\n" + strings.Join(out, "") + "COMMIT\n")
			}
		}
		if b.Len() == 0 || f.Nft() != "" { // that table goes as a whole
			continue
		}
		if err := k.restore(ctx, f, b.String()); err != nil {
			return fmt.Errorf("unhook: %w", err)
		}
	}
	if err := k.forget(ctx, 0, have); err != nil {
		return err
	}
	unwanted, err := k.loadSets(ctx, nil)
	if err != nil {
		return err
	}
	if err := k.dropSets(ctx, unwanted); err != nil {
		return err
	}
	if err := k.dropIPRules(nil); err != nil {
		return err
	}
	if err := errors.Join(k.unbolt(ctx), k.guard(l).Remove()); err != nil {
		return err
	}
	k.generation, k.want = 0, ruleset.Ruleset{}
	for _, p := range l.Ports {
		if link, err := netlink.LinkByName(p); err == nil && isolated(link) {
			if err := netlink.LinkSetIsolated(link, false); err != nil {
				return fmt.Errorf("stop isolating port %s: %w", p, permitted(err))
			}
		}
	}
	return nil
}

func isBase(chain string) bool {
	_, ours := ruleset.ParseChainName(chain)
	return !ours
}
