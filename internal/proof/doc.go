// Package proof makes a list of records provable: what was written once can be
// checked later, by somebody else, without the program that wrote it. It is the
// one shape for everything that has to stand as evidence.
//
// It knows three things and not what a record says:
//
//	chain   each record's hash covers the hash before it, its number and its bytes
//	key     the site's Ed25519 key, made at first use; its public half goes to whoever checks
//	head    number and hash of a list's last record at a time, signed with the key
//
// A signed head vouches for every record up to its number. Kept elsewhere (on
// another disk, in an export) it shows what a chain alone cannot: that the end
// was cut off, or that the list was written anew with right hashes throughout.
//
// A [Checker] takes records in order and tells apart which were changed,
// removed, inserted or put in another order, and which stretch was written anew.
//
// # What it does not do
//
// It keeps no list: callers store records and heads. Whoever holds the private
// key can sign anything; only heads that were elsewhere before contradict them.
// Times in heads are the recorder's clock, and nobody else vouches for it.
//
// # Concurrency and cost
//
// Functions are pure, Key and Public never change, a Checker is for one
// goroutine. A link is one SHA-256 of the record and 57 bytes more, and allocates
// nothing for records under 900 bytes; a signature takes some tens of microseconds.
package proof
