package netfilter

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// boltTable is what configs/deb/bolt loads at boot, before anything else of ours:
// it shuts the ports that were armed last, whatever sets them up. It stays where
// arming fails or nvr is no longer there.
const boltTable = "nvr-bolt"

// unbolt takes the bolt away. It comes after the read-back: from here on the
// ruleset holds the ports (C1). The bolt goes in at boot only, so once is enough.
func (k *Kernel) unbolt(ctx context.Context) error {
	if k.unbolted {
		return nil
	}
	out, err := k.run(ctx, "", "nft", "list", "tables")
	if err != nil {
		return fmt.Errorf("look for the bolt: %w", err)
	}
	var b strings.Builder
	for _, family := range boltFamilies(out) {
		b.WriteString("delete table " + family + " " + boltTable + "\n")
	}
	if b.Len() > 0 {
		if _, err := k.run(ctx, b.String(), "nft", "-f", "-"); err != nil {
			return fmt.Errorf("draw the bolt: %w", err)
		}
		k.log.Info("bolt drawn: the ruleset holds the ports now")
	}
	k.unbolted = true
	return nil
}

// Shut marks an interface that is no port as the cameras' and sets it down. Whoever
// sets it up again gets nothing through it: the rules know the group.
func (k *Kernel) Shut(l ruleset.Link, name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, permitted(err))
	}
	if err := group(link, l.Group); err != nil {
		return err
	}
	if link.Attrs().Flags&net.FlagUp == 0 {
		return nil
	}
	k.log.Warn("a camera port that was renamed is set down", "interface", name)
	if err := netlink.LinkSetDown(link); err != nil {
		return fmt.Errorf("set %s down: %w", name, permitted(err))
	}
	return nil
}

// boltFamilies reads the lines "table FAMILY NAME" of nft list tables.
func boltFamilies(tables string) []string {
	var list []string
	for line := range strings.Lines(tables) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "table" && f[2] == boltTable {
			list = append(list, f[1])
		}
	}
	return list
}
