// Package onvif asks a device what it says of itself, over ONVIF: SOAP over HTTP or
// HTTPS. It asks and never changes anything.
//
// # Whom it speaks to (C13)
//
// The pinned address, and nobody else: connections come from internal/pinned, no
// name is resolved, no redirect followed, no proxy asked. A device names addresses
// in its answers, of its services (XAddr) and streams:
//
//   - With the pinned address as its host, a service is asked at the port and path
//     that it names there.
//   - With any other host, or a name, it is [Foreign]: that host is told of and never
//     dialled. The service is asked at the pinned address and the port where the
//     device itself answered, with the path that was named: devices behind a
//     translation of addresses, and those that tell the address of another of their
//     networks, are read all the same.
//   - Streams are not opened at all.
//
// # Credentials
//
// Nothing is signed unless the device asks for it. HTTP Digest goes before
// WS-UsernameToken, which is a digest with the device's own time; a password is
// never sent, so Basic is not answered. Each way is tried once: devices lock
// accounts. What a device says is free of its password, should it repeat it, as it
// is or escaped, if it has four bytes or more.
//
// # Answers are hostile
//
// An answer has at most 512 KiB, 20,000 elements and a depth of 40; a request has
// 8 s and everything a minute. A document type is refused, so there are no entities.
// Namespaces, undeclared prefixes, bytes that are no UTF-8, and what follows the
// envelope are let pass: real devices get them wrong. Every string is printable,
// short, and the device's claim; text, never markup or an address to use.
//
// Ask may be called at once for many devices. It keeps nothing.
package onvif
