package netfilter

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// Attributes of a set's elements (linux/netfilter/nf_tables.h).
const (
	elementsTable = 1
	elementsSet   = 2
	elementsList  = 3
	elementKey    = 1
	keyValue      = 1
)

// readMembers adds to a table of our own, as nft(8) lists it without elements,
// those of its sets. They are asked of the kernel itself: to print 1,300 of them
// takes nft longer than all else.
func readMembers(f ruleset.Family, t table) error {
	for chain, rules := range t {
		name, ok := strings.CutPrefix(chain, setChain(""))
		if !ok || len(rules) == 0 {
			continue
		}
		kinds, ok := strings.CutPrefix(rules[0].text, "-A "+chain+" type ")
		if !ok || strings.Contains(kinds, ";") {
			continue // not a set of ours, and never taken for one; or one that the kernel fills
		}
		list, err := elements(f, name, strings.Split(kinds, " . "))
		if err != nil {
			return err
		}
		for _, m := range list {
			rules = append(rules, rule{text: "-A " + chain + " " + m})
		}
		sortMembers(rules)
		t[chain] = rules
	}
	return nil
}

// elements lists a set's members in the spelling of nft(8). Its table may be made
// larger while the kernel lists it in parts: then it lists some twice, leaves
// others out and says nothing. None is in a set twice, so such a list is read anew.
func elements(f ruleset.Family, set string, kinds []string) (list []string, err error) {
	for range dumpTries {
		list, err = elementsOnce(f, set, kinds)
		switch {
		case errors.Is(err, unix.ENOENT):
			return nil, nil // it went meanwhile; the next read-back says so
		case errors.Is(err, netlink.ErrDumpInterrupted):
		case err != nil || len(slices.Compact(slices.Sorted(slices.Values(list)))) == len(list):
			return list, err
		default:
			time.Sleep(growing)
		}
	}
	return list, err
}

// growing is about how long the kernel takes to make a set's table larger.
const growing = 5 * time.Millisecond

func elementsOnce(f ruleset.Family, set string, kinds []string) ([]string, error) {
	const subsystem = unix.NFNL_SUBSYS_NFTABLES << 8
	family := map[ruleset.Family]uint8{ruleset.Inet: unix.NFPROTO_INET, ruleset.Frames: unix.NFPROTO_BRIDGE}[f]
	req := nl.NewNetlinkRequest(subsystem|unix.NFT_MSG_GETSETELEM, unix.NLM_F_DUMP)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: family, Version: nl.NFNETLINK_V0})
	req.AddData(nl.NewRtAttr(elementsTable, nl.ZeroTerminated(ruleset.OwnTable)))
	req.AddData(nl.NewRtAttr(elementsSet, nl.ZeroTerminated(set)))
	messages, err := req.Execute(unix.NETLINK_NETFILTER, subsystem|unix.NFT_MSG_NEWSETELEM)
	if err != nil {
		return nil, fmt.Errorf("list the members of %s: %w", set, permitted(err))
	}
	var list []string
	for _, m := range messages {
		more, err := parseElements(m, kinds)
		if err != nil {
			return nil, fmt.Errorf("list the members of %s: %w", set, err)
		}
		list = append(list, more...)
	}
	return list, nil
}

// parseElements reads one message of members. What a member has beside its key,
// such as a time when it ends, makes it another one.
func parseElements(m []byte, kinds []string) ([]string, error) {
	_, attrs, err := attributes(m)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, a := range attrs {
		if a.kind != elementsList {
			continue
		}
		members, err := parseAttrs(a.value)
		if err != nil {
			return nil, err
		}
		for _, e := range members {
			text, err := parseElement(e.value, kinds)
			if err != nil {
				return nil, err
			}
			list = append(list, text)
		}
	}
	return list, nil
}

func parseElement(b []byte, kinds []string) (string, error) {
	attrs, err := parseAttrs(b)
	if err != nil {
		return "", err
	}
	key, rest := "", ""
	for _, a := range attrs {
		if a.kind != elementKey {
			rest += fmt.Sprintf(" with %d=%x", a.kind, a.value)
			continue
		}
		values, err := parseAttrs(a.value)
		if err != nil {
			return "", err
		}
		for _, v := range values {
			if v.kind == keyValue {
				key = keyText(v.value, kinds)
			}
		}
	}
	return key + rest, nil
}

// keyText spells a key. In one of several parts each is filled up to four bytes.
func keyText(b []byte, kinds []string) string {
	parts := make([]string, 0, len(kinds))
	for _, k := range kinds {
		size := map[string]int{"ifname": 16, "ether_addr": 6, "ipv4_addr": 4}[k]
		if size == 0 || len(b) < size {
			return fmt.Sprintf("%x of type %s", b, k)
		}
		switch v := b[:size]; k {
		case "ifname":
			parts = append(parts, strconv.Quote(text(v)))
		case "ether_addr":
			parts = append(parts, net.HardwareAddr(v).String())
		case "ipv4_addr":
			parts = append(parts, netip.AddrFrom4([4]byte(v)).String())
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	if len(b) > 0 {
		return fmt.Sprintf("%s and %x", strings.Join(parts, " . "), b)
	}
	return strings.Join(parts, " . ")
}
