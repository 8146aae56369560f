// Package cert gives the recorder its HTTPS: a certificate of the site's own
// authority or one from files, and a listener that speaks TLS and sends plain
// HTTP on the same port there.
//
// # The site's own authority
//
// It is made at the first start, in root.pem of the directory given: an ECDSA
// P-256 root, good for ten years, whose key signs nothing but the recorder's
// own certificate (leaf.pem, 90 days, renewed after 60, and at once when the
// names change). Both files hold certificate and key, so that no crash can part
// them; mode 0600, published by rename.
//
// People install the root on their machines, so a thief of its key must gain
// little: the root is constrained (RFC 5280, name constraints) to the private
// address ranges, to names that exist only in local networks (.local, .lan,
// .internal, .home.arpa), and to the registered domains and public addresses
// that the site file named when it was made. It may move freely among those. A
// name beyond them is left out of the certificate, and Status says how to make
// a new root: by hand, because every machine has to install that again.
//
// # Clocks
//
// A recorder may start without knowing the time. A clock before 2025 is not
// believed: whatever certificate exists stays, and one that must be made is made
// as of 2025. The root is valid from 2025 on, whenever it was made. The leaf is
// valid from a week before it was made, so that a clock that is set back by
// days, here or at a client, finds it valid; a leaf from further in the future
// is replaced. As soon as the clock is right, the leaf is: it is looked at every
// few seconds.
//
// # Certificate files
//
// They are read every few seconds, since an age or a size may lie. What cannot
// be used (a certificate whose key has not followed yet) changes nothing: the
// pair before stays in force, the log says it once, Status as long as it lasts.
//
// # Concurrency and cost
//
// A handshake takes the certificate from an atomic pointer. All methods may be
// called at once. Listen has one goroutine that accepts, and one for each
// connection that has not finished its handshake, at most 256 of them.
package cert
