// Package audit keeps the account of what people did: who signed in, watched,
// exported, changed, armed or disarmed what, from where, when, with what outcome.
//
// Entries are appended and never changed. Each is a record of a hash chain
// (package proof) in buckets of its own in the state database, so that an entry
// and the change that it states are written in one transaction or not at all:
// [Log.AppendTx]. With each entry the end of the chain is signed with the site's
// key. Once a day, at start and at stop, a signed head is kept for good and
// copied to the volumes of footage, where it outlives the database. [Verify]
// checks the whole and names the first record that is wrong. What that proves
// and what it does not is said in docs/audit.md, whose invariants are cited here.
//
// It does not decide who may do or read what, and it knows neither HTTP nor
// accounts: callers say who acted. What they hand over must hold no secret.
//
// # The database
//
//	audit / meta     "format", "list", "tip"  → "1", the list's name, the signed head of the last entry
//	audit / records  seq                      → proof.Record whose body is the entry's JSON
//	audit / times    time, seq                → nothing: entries by time
//	audit / heads    seq, time                → signed heads that are kept
//
// Numbers are 8 bytes, big endian, times nanoseconds of Unix time.
//
// # Concurrency and cost
//
// Log is safe for concurrent use. An append costs a signature, some 30 µs, and
// the transaction's commit. A read transaction lasts at most 40 ms: a query
// that has not finished by then gives what it has and a cursor to go on.
// An entry takes some 500 bytes; nothing is ever deleted.
package audit
