// Package netfilter treats the kernel as a cache of a ruleset: it loads one,
// reads everything back, and repairs what others changed. It touches only our
// own chains, hooks, sets, ip rules, the bridge and its ports.
//
// The order of loading closes first and opens last: ports down, bridge rules
// and isolation, ip rules, sets, chains of filter, raw, mangle and nat, hooks,
// a complete read-back, and only then the ports come up (C1, L0). A change is
// built as a new generation of chains beside the one in force, read back, and
// put in force by replacing one jump per base chain (C2). Sets change by swap.
//
// Hooks are placed through go-iptables; chains go through iptables-restore,
// because only that loads many rules in one step; sets go through ipset
// restore; links, routing rules and neighbours through netlink.
//
// A Kernel is used by one goroutine at a time. The number of commands it runs
// does not depend on the number of devices (C9).
package netfilter
