package netfilter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// baseChain is a chain or a flowtable of nf_tables that the kernel itself calls.
type baseChain struct {
	family      uint8 // unix.NFPROTO_...
	table, name string
	hook        uint32 // number within the family
	priority    int32
	devices     []string // of ingress and egress hooks and of flowtables; ending in * for a prefix
	flowtable   bool
	policy, use uint32 // verdict without a rule, and how many rules there are
}

// String names it as nft(8) does.
func (c baseChain) String() string {
	return fmt.Sprintf("%s %s %s", familyName(c.family), c.table, c.name)
}

func familyName(f uint8) string {
	switch f {
	case unix.NFPROTO_INET:
		return "inet"
	case unix.NFPROTO_IPV4:
		return "ip"
	case unix.NFPROTO_ARP:
		return "arp"
	case unix.NFPROTO_NETDEV:
		return "netdev"
	case unix.NFPROTO_BRIDGE:
		return "bridge"
	case unix.NFPROTO_IPV6:
		return "ip6"
	}
	return fmt.Sprintf("family-%d", f)
}

// Attributes of a flowtable and of a list of devices (linux/netfilter/nf_tables.h).
const (
	flowtableTable = 1
	flowtableName  = 2
	flowtableHook  = 3

	flowtableHookPriority = 2
	flowtableHookDevices  = 3

	hookDevices  = 4
	deviceName   = 1
	devicePrefix = 2
)

// dumpTries is how often a list that changed while it was read is read anew.
const dumpTries = 5

// baseChains lists what nf_tables has the kernel call, in all families: two
// messages to the kernel and no command, for it is asked each second.
func baseChains() ([]baseChain, error) {
	var list []baseChain
	for _, ask := range []struct {
		get, answer int
		parse       func([]byte) (baseChain, bool, error)
	}{
		{unix.NFT_MSG_GETCHAIN, unix.NFT_MSG_NEWCHAIN, parseBaseChain},
		{unix.NFT_MSG_GETFLOWTABLE, unix.NFT_MSG_NEWFLOWTABLE, parseFlowtable},
	} {
		messages, err := dumpTables(ask.get, ask.answer)
		if err != nil {
			return nil, fmt.Errorf("list what nf_tables calls: %w", permitted(err))
		}
		for _, m := range messages {
			c, ok, err := ask.parse(m)
			if err != nil {
				return nil, fmt.Errorf("list what nf_tables calls: %w", err)
			}
			if ok {
				list = append(list, c)
			}
		}
	}
	return list, nil
}

func dumpTables(get, answer int) (messages [][]byte, err error) {
	const subsystem = unix.NFNL_SUBSYS_NFTABLES << 8
	for range dumpTries {
		req := nl.NewNetlinkRequest(subsystem|get, unix.NLM_F_DUMP)
		req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.NFPROTO_UNSPEC, Version: nl.NFNETLINK_V0})
		messages, err = req.Execute(unix.NETLINK_NETFILTER, uint16(subsystem|answer))
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return messages, err
		}
	}
	return messages, nil // it changes all the time: the next read-back sees what is left out
}

// attributes walks a message's attributes after its nfgenmsg.
func attributes(m []byte) (family uint8, list []nlAttr, err error) {
	if len(m) < nl.SizeofNfgenmsg {
		return 0, nil, fmt.Errorf("a message of %d bytes", len(m))
	}
	list, err = parseAttrs(m[nl.SizeofNfgenmsg:])
	return m[0], list, err
}

// nlAttr is one netlink attribute; kind is without the flags that some carry.
type nlAttr struct {
	kind  uint16
	value []byte
}

// parseAttrs cuts a row of attributes apart.
func parseAttrs(b []byte) ([]nlAttr, error) {
	var list []nlAttr
	for len(b) >= unix.SizeofNlAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofNlAttr || size > len(b) {
			return nil, fmt.Errorf("an attribute of %d bytes in %d", size, len(b))
		}
		list = append(list, nlAttr{
			kind:  binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER),
			value: b[unix.SizeofNlAttr:size],
		})
		b = b[min((size+3)&^3, len(b)):]
	}
	return list, nil
}

// parseBaseChain reads a chain; false for one that only rules lead to.
func parseBaseChain(m []byte) (c baseChain, ok bool, err error) {
	family, list, err := attributes(m)
	if err != nil {
		return c, false, err
	}
	c.family, c.policy = family, accepts
	for _, a := range list {
		switch a.kind {
		case unix.NFTA_CHAIN_TABLE:
			c.table = text(a.value)
		case unix.NFTA_CHAIN_NAME:
			c.name = text(a.value)
		case unix.NFTA_CHAIN_POLICY:
			c.policy = number(a.value)
		case unix.NFTA_CHAIN_USE:
			c.use = number(a.value)
		case unix.NFTA_CHAIN_HOOK:
			ok = true
			if err := c.parseHook(a.value, unix.NFTA_HOOK_PRIORITY, hookDevices); err != nil {
				return c, false, err
			}
		}
	}
	return c, ok, nil
}

func parseFlowtable(m []byte) (c baseChain, ok bool, err error) {
	family, list, err := attributes(m)
	if err != nil {
		return c, false, err
	}
	c.family, c.flowtable = family, true
	for _, a := range list {
		switch a.kind {
		case flowtableTable:
			c.table = text(a.value)
		case flowtableName:
			c.name = text(a.value)
		case flowtableHook:
			if err := c.parseHook(a.value, flowtableHookPriority, flowtableHookDevices); err != nil {
				return c, false, err
			}
		}
	}
	return c, true, nil
}

func (c *baseChain) parseHook(b []byte, priority, devices uint16) error {
	list, err := parseAttrs(b)
	if err != nil {
		return err
	}
	for _, a := range list {
		switch {
		case a.kind == unix.NFTA_HOOK_HOOKNUM && len(a.value) == 4:
			c.hook = binary.BigEndian.Uint32(a.value)
		case a.kind == priority && len(a.value) == 4:
			c.priority = int32(binary.BigEndian.Uint32(a.value))
		case a.kind == devices:
			names, err := parseAttrs(a.value)
			if err != nil {
				return err
			}
			for _, n := range names {
				switch n.kind {
				case deviceName:
					c.devices = append(c.devices, text(n.value))
				case devicePrefix:
					c.devices = append(c.devices, text(n.value)+"*")
				}
			}
		case a.kind == unix.NFTA_HOOK_DEV && devices == hookDevices && len(c.devices) == 0:
			c.devices = append(c.devices, text(a.value))
		}
	}
	return nil
}

// What a chain does with packets that no rule decides (linux/netfilter.h).
const (
	drops   = 0 // NF_DROP
	accepts = 1 // NF_ACCEPT, unless the chain says another
)

// number reads a number of nf_tables; what has not the size of one is none, and
// more than any chain has.
func number(b []byte) uint32 {
	if len(b) != 4 {
		return math.MaxUint32
	}
	return binary.BigEndian.Uint32(b)
}

func text(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }
