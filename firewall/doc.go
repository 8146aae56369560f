// Package firewall pins every device of the camera network to the recorder and
// keeps account of what it tried instead. It takes a [Policy], has it compiled
// (firewall/ruleset), loads and re-checks it (firewall/netfilter), reads the hits
// of what was dropped (firewall/nflog), answers the cameras' DNS and NTP
// questions itself (firewall/sinkhole) and keeps the attempts (firewall/journal).
//
// Invariants C1 to C11 of docs/containment.md are upheld here.
package firewall
