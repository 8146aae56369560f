// Package sinkhole answers what cameras ask of a network, and asks nothing
// itself: DNS questions get addresses that lead nowhere, time questions get the
// recorder's clock, DHCP gives pinned devices their own address and others one
// that is pinned to nobody. There is no socket towards any other server in it (C8).
//
// It listens on the camera side only, bound to the bridge, so that a question
// with a forged source is never answered through the uplink (C3, L5), and binds
// again when that is made anew. All questions but DHCP's, those to hard-wired servers too,
// arrive at its private ports by a REDIRECT rule; the kernel puts the address
// that was asked on the answer. Status says when nobody is answered.
//
// Everything asked is hostile: messages are bounded, parsed by miekg/dns, by
// insomniacslk/dhcp or in 48 fixed bytes, the answers are no larger than a
// question may be, and how many there are in a second is bounded. A Sinkhole
// may serve any of the three; where one cannot be bound, none of it serves.
package sinkhole
