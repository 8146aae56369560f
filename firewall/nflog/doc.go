// Package nflog reads the kernel's log of dropped packets from a netlink group
// and turns each into a [Hit]. Payloads come from cameras: parsing is bounded
// and fuzzed. It keeps exact count of what it read and of what was lost (C11).
//
// Two goroutines share the work. The one that owns the socket does nothing but
// copy a message into a ring of fixed slots, so that the kernel's buffer drains
// at the rate of a flood; the other parses and hands over. A full ring drops the
// newest message and counts it, as does the kernel when its buffer is full
// (seen as a jump of the sequence number). What the kernel lost at the very end
// of a burst becomes visible with the next message of the group.
//
// It does not aggregate, name devices or store: that is firewall/journal.
package nflog
