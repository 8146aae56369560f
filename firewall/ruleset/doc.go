// Package ruleset compiles what is pinned on the camera network into everything
// the kernel must hold: chains per table and family, sets with their members,
// bridge rules, ip rules, sysctls, bridge and port attributes, neighbours.
//
// It is pure: no kernel, no clock, no file. The same Input gives the same
// Ruleset and the same text, which golden files hold. Rules are written in the
// very spelling and order in which iptables-save prints them, so that a
// read-back can be compared line by line.
//
// The number of rules depends on ports, on camera networks and on what is
// offered to cameras, never on the number of devices (C9).
package ruleset
