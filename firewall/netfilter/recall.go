package netfilter

import (
	"context"
	"encoding/binary"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// recalled is the last snapshot, with the number of nf_tables' changes it was taken at.
type recalled struct {
	tables  snapshot
	changes uint32
}

// changes is how often nf_tables was changed in this namespace, by whomever: the
// kernel counts each transaction. False where it does not tell.
func changes() (uint32, bool) {
	const subsystem = unix.NFNL_SUBSYS_NFTABLES << 8
	req := nl.NewNetlinkRequest(subsystem|unix.NFT_MSG_GETGEN, 0)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.NFPROTO_UNSPEC, Version: nl.NFNETLINK_V0})
	messages, err := req.Execute(unix.NETLINK_NETFILTER, subsystem|unix.NFT_MSG_NEWGEN)
	if err != nil || len(messages) == 0 {
		return 0, false
	}
	_, attrs, err := attributes(messages[0])
	if err != nil {
		return 0, false
	}
	for _, a := range attrs {
		if a.kind == unix.NFTA_GEN_ID && len(a.value) == 4 {
			return binary.BigEndian.Uint32(a.value), true
		}
	}
	return 0, false
}

// recall gives the last snapshot where nothing was changed since, and else takes
// one: a change of devices then reads no table (C9). Counters in it are old. Of
// the legacy backend nobody counts the changes.
func (k *Kernel) recall(ctx context.Context) (snapshot, error) {
	if n, ok := changes(); ok && k.backend != "legacy" && k.last.tables != nil && n == k.last.changes {
		return k.last.tables, nil
	}
	return k.read(ctx)
}

// remember keeps a snapshot that was taken between two looks at the number of
// changes, if there was none in between.
func (k *Kernel) remember(s snapshot, before uint32, known bool) {
	k.last = recalled{}
	if after, ok := changes(); known && ok && after == before {
		k.last = recalled{s, before}
	}
}

// changedOnce says of the last snapshot that it was brought up to one change of our own.
func (k *Kernel) changedOnce() {
	if n, ok := changes(); ok && k.last.tables != nil && n == k.last.changes+1 {
		k.last.changes = n
	}
}
