// Package outguard is the layer behind what takes cameras' frames before any rule
// sees them (C3, L6): programs of BPF at the last place before a frame leaves the
// box by any interface, which drop what had come in by a camera's. They stay
// attached while no process of ours runs.
//
// Attaching them takes root in the box's own user namespace, and Linux 6.6;
// looking whether they are there takes CAP_NET_ADMIN. A Guard has no state but its
// file, and may be used by one goroutine at a time. See docs/decisions/0011.
package outguard
