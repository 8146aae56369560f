// Package canary proves containment on the live data path (C12): it sends what a
// camera must not get through, on every path, by ports of the bridge that are
// guarded like any camera's, and looks for it wherever it could come out. A path
// is stopped when nothing came out and the layer that is there for it said so in
// the kernel's log; a control packet shows at each place that what comes out there
// would be seen.
//
// It needs no namespace and no right beyond CAP_NET_ADMIN and CAP_NET_RAW: two
// veth pairs, whose outer ends the firewall takes into the bridge as ports, and a
// third that leads to a network which only the canary uses.
//
//	cn1 ── nvr-cn0 ─┐
//	cn3 ── nvr-cn2 ─┤ br-cam ── rules ── routes ── nvr-out0 ── out1
//	cameras' ports ─┘                         └── uplinks
//
// The inner ends cn1, cn3 and out1 belong to a bridge that is never up, which
// drops what arrives there before the box's own stack sees it; packet sockets see
// it all the same. Of addresses the canary has a small network of those kept for
// documentation, so that it is in no site's way.
//
// What it does not prove: the flags of other ports (the firewall reads them back),
// the membership of a device's pair in a set (likewise), what an external switch
// forwards, offload past the taps such as XDP redirection, a camera's own radio.
//
// A Canary runs one round at a time; its methods may be called from any goroutine.
// A round sends some sixty frames and takes about a fifth of a second, whatever
// the number of devices. Between rounds it has no socket open and costs nothing.
package canary
