package netfilter

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// A complete read-back prints all tables and sets by commands and reads the
// text. What follows tells, by netlink alone, that nothing can have changed since
// the last one, so that it need not be printed again (C10): nf_tables numbers its
// commits, each change of any table being one, and of sets the kernel's own dump
// is compared. Legacy tables have no such number and are printed each time.

// spellOut is how old what was printed may become. Nothing in the kernel asks
// for it: it bounds what a mistake in the above could cost.
const spellOut = 10 * time.Second

// printed is what was printed last, and by what to tell that it still holds.
type printed struct {
	tables    snapshot
	commit    uint32 // of nf_tables, before the tables were printed; 0: not known
	tablesAt  time.Time
	sets      map[string]kernelSet
	setsPrint [sha256.Size]byte // of the kernel's dump, before the sets were printed
	setsAt    time.Time
}

// Forget has the next read-back print everything, whatever the kernel's numbers say.
func (k *Kernel) Forget() { k.printed = printed{} }

// read takes a snapshot of all tables: from what was printed last where no
// commit came since, with the counters as they are now.
func (k *Kernel) read(ctx context.Context) (snapshot, error) {
	if k.backend == "legacy" {
		return k.printTables(ctx)
	}
	commit, err := lastCommit()
	if err != nil {
		k.log.Debug("commits of nf_tables are not numbered here", "error", err)
		return k.printTables(ctx)
	}
	if p := k.printed; p.commit == commit && commit != 0 && time.Since(p.tablesAt) < spellOut {
		if s, err := p.tables.recount(); err == nil {
			return s, nil
		}
	}
	// The number is asked for first: a commit while tables are printed makes the next read print again.
	at := time.Now()
	s, err := k.printTables(ctx)
	if err != nil {
		return nil, err
	}
	k.printed.tables, k.printed.commit, k.printed.tablesAt = s, commit, at
	return s, nil
}

// ownCommit takes what we know of the tables after a transaction of our own for
// what is printed, where no other one came between.
func (k *Kernel) ownCommit(have snapshot) {
	if commit, err := lastCommit(); err == nil && k.printed.commit != 0 && commit == k.printed.commit+1 {
		k.printed.tables, k.printed.commit = have, commit
	}
}

// kernelSets gives our sets: as printed last where the kernel dumps the same.
// Callers do not change them.
func (k *Kernel) kernelSets(ctx context.Context) (map[string]kernelSet, error) {
	sum, err := printOfSets()
	if err != nil {
		k.log.Debug("sets cannot be dumped here", "error", err)
		return k.printSets(ctx)
	}
	if p := k.printed; p.sets != nil && p.setsPrint == sum && time.Since(p.setsAt) < spellOut {
		return p.sets, nil
	}
	at := time.Now()
	sets, err := k.printSets(ctx)
	if err != nil {
		return nil, err
	}
	k.printed.sets, k.printed.setsPrint, k.printed.setsAt = sets, sum, at
	return sets, nil
}

// netfilterMessage is a request to a part of netfilter, of protocol family f.
func netfilterMessage(subsystem, command, flags int, f uint8) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(subsystem<<8|command, flags)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: f, Version: nl.NFNETLINK_V0})
	return req
}

// errAnswer says that the kernel answered with something that we cannot read.
var errAnswer = errors.New("an answer of the kernel that is not known here")

// lastCommit is the number of the last change of nf_tables in this namespace.
func lastCommit() (uint32, error) {
	msgs, err := netfilterMessage(unix.NFNL_SUBSYS_NFTABLES, unix.NFT_MSG_GETGEN, 0, unix.AF_UNSPEC).Execute(unix.NETLINK_NETFILTER, 0)
	if err != nil {
		return 0, fmt.Errorf("ask nf_tables for its last commit: %w", permitted(err))
	}
	for _, m := range msgs {
		_, list, err := attributes(m)
		if err != nil {
			return 0, fmt.Errorf("ask nf_tables for its last commit: %w", err)
		}
		for _, a := range list {
			if a.kind == unix.NFTA_GEN_ID && len(a.value) == 4 {
				return binary.BigEndian.Uint32(a.value), nil
			}
		}
	}
	return 0, fmt.Errorf("ask nf_tables for its last commit: %w", errAnswer)
}

// printOfSets is a hash of our sets as the kernel dumps them, members included.
func printOfSets() (sum [sha256.Size]byte, err error) {
	req := netfilterMessage(unix.NFNL_SUBSYS_IPSET, nl.IPSET_CMD_LIST, unix.NLM_F_DUMP, unix.AF_UNSPEC)
	req.AddData(nl.NewRtAttr(nl.IPSET_ATTR_PROTOCOL, nl.Uint8Attr(nl.IPSET_PROTOCOL)))
	h := sha256.New()
	if err := req.ExecuteIter(unix.NETLINK_NETFILTER, 0, func(m []byte) bool {
		addSet(h, m)
		return true
	}); err != nil {
		return sum, fmt.Errorf("dump the sets: %w", permitted(err))
	}
	h.Sum(sum[:0])
	return sum, nil
}

// addSet adds a message of a dump of sets to a hash but where it is of others.
func addSet(h hash.Hash, m []byte) {
	_, list, err := attributes(m)
	for _, a := range list {
		if a.kind == nl.IPSET_ATTR_SETNAME && !strings.HasPrefix(string(a.value), ruleset.SetPrefix) {
			return
		}
	}
	h.Write(m)
	if err != nil { // never the same as anything else
		h.Write([]byte(err.Error()))
	}
}
