// Package lab is a whole site in network namespaces: simulated cameras, one of
// which phones home, a device nobody knows, and an outside world that counts
// what reaches it. `nvr demo` shows the product in it, tests run against it.
//
// The process's own namespace is the recorder, so product code runs unchanged:
//
//	cam1 ── eth0  namespace of camera 1         uplink ── eth0  the outside:
//	cam2 ── eth0  namespace of camera 2                         owns every other address,
//	...                                                         answers, counts
//	rogue ── eth0 namespace of the stranger
//
// The lab leaves cam1, cam2, ... and rogue down and unconfigured: they are the
// ports of the site file, and making a bridge of them is the firewall's work.
// Forwarding is on and there is a default route, so that whatever the firewall
// lets through does arrive outside. With [Plan.OpenBridge] the lab bridges the
// ports itself, without any rule: so a test proves that the leak exists.
//
// Senders count at their own interface and the outside counts at its own, so
// that "nothing arrived" says something.
//
// [Build] makes everything and starts the cameras' servers, [Lab.Run] sends,
// [Lab.Close] lets it all go; so does the end of the process. All methods may be
// called from any goroutine. Eight cameras that nobody watches cost
// about 3 % of a core.
package lab
