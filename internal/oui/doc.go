// Package oui tells who made a network device, by the beginning of its MAC: from
// lists that lie on the machine (Debian's ieee-data, or nmap's), never from the
// network. Not knowing is a normal answer, and so is a wrong one: a device says
// which MAC it likes, so a maker is a claim and no evidence by itself.
//
// A [Table] is read once and then only looked into, from any goroutine. The
// whole of the IEEE's lists takes about 4 MB and 60 ms to read.
package oui
