// Package said reads whom a blocked packet was meant for from what it says: the
// server name of a TLS, DTLS or QUIC hello, the Host and request line of HTTP, the
// questions of DNS.
//
// Bodies come from cameras and are cut off at a few hundred bytes: nothing here
// trusts a length, follows a pointer forwards, or gives more than [MaxNames] names
// of [MaxName] bytes. What is given is text that can be printed: see [Name]. That a
// packet says a name proves nothing: a camera may say any.
//
// Pure functions: no I/O, no state, no clock.
package said
