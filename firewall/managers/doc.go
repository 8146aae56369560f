// Package managers keeps the system's network managers off the camera ports: one
// that sets a port up, gives it an address or takes it out of the bridge would
// undo what the firewall does, again and again.
//
// NetworkManager and systemd-networkd are told by a file of ours below /run,
// which goes with the next boot and is written again by arming before they start.
// Files of ifupdown, netplan, dhcpcd and networkd that name a port are the
// system's own: they are found and told, with what to do, and never changed.
//
// All paths lie below a root that the caller gives. Nothing here runs a command
// or remembers anything; each call reads the files anew, which are few and small.
package managers
