// Package pinned is the one place that sockets to cameras come from (C13): a
// [Peer] is a device's pinned address, and what it dials or listens with speaks
// to that address and to no other. RTSP, HTTP and whatever else speaks to
// cameras use it; what a camera says about addresses cannot change its mind.
//
//   - An address is a literal: no name is ever resolved, whoever gave it.
//   - No proxy of the environment is asked: it dials itself.
//   - Sockets are bound to the bridge of the camera side. Without its routes, as
//     while the bridge is made anew, a pinned address would else be looked for
//     behind the uplink, and a stranger there would get the credentials.
//   - A packet socket takes packets from the pinned address only: the kernel
//     drops all others before they take room in its buffer.
//
// What it cannot see is a datagram that its user sends elsewhere: package
// streams/rtsp lets no foreign address through to the library that sends, and
// the firewall drops one (L5).
//
// Peer is a value; its methods may be called at once and keep nothing.
package pinned
