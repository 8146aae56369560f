package netfilter

import (
	"context"
	"fmt"
	"strings"
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
