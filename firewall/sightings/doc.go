// Package sightings keeps account of the devices on the camera network that are
// not pinned, and of what their network looks like from here: what an admin
// pins (C4), and where containment ends.
//
// A [Book] learns from two sources. [Book.Hit] takes dropped packets, with the
// reasons unknown-device and spoof for devices, lateral for what a switch lets
// through by itself. [Book.Run] listens: on each camera port to ARP and to what
// DHCP clients and servers say, on the box's other interfaces to ARP, through packet sockets
// whose filter runs in the kernel, so that no frame of a stream is copied. It
// also asks, by ARP and on a camera port only, whether the address exists that a
// camera takes for its gateway.
//
// Learning opens nothing: no rule depends on a Book, and nothing is pinned but
// by an admin. Where addresses contradict each other that is told, and never
// decided here.
//
// # Bounds
//
// Everything here may be forged. A port has a share of [Options.MaxPerPort]
// sightings; of a full port those go that were seen hardly more than once, then
// the oldest, and what finds no room is counted. Addresses, destinations and
// names of each are bounded, and so is what is read in a second: an interface
// that says more is not listened to for the rest of it. What is known is written
// to a file of its own each [Options.Every], so that a restart keeps when a
// device was first seen; a file that cannot be read is begun anew.
//
// All methods are safe for concurrent use. Hit costs a lock and a map's lookup.
package sightings
