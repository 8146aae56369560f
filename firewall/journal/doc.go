// Package journal keeps account of what devices tried instead of talking to the
// recorder: hits come in, attempts that a person can read come out.
//
// Hits with the same key (DESIGN: device, source MAC and IP, family, protocol,
// destination, port or ICMP type, reason) are one [Attempt]. It also keeps the
// sinkhole's memory: which host name was given which address (C8), and who asked
// what, so that an attempt carries the name that it was made to.
//
// # How it works
//
// [Journal.Add] only updates a row in memory, under one short lock. Four times a
// second the rows that changed are settled (joined with what an earlier run or an
// earlier hour stored under the same ID) and told to subscribers; once a second
// they are written to the journal's own bbolt file, in transactions of at most
// 1,000 rows so that a name waiting to be stored gets in between. A kill -9 loses
// at most the last second of counts; a name is durable before it is answered.
//
// What one source tries at ever new destinations, and what comes under ever new
// sources, is folded into one row each (spread.go). Rows are found by an index
// that moves with them once an hour (index.go, hours.go); a query ends after a
// little more than 100 ms, with how far it looked.
//
// Memory and file are bounded: so many rows per device, so many in all. Where a
// device's share is full, its attempts, names and questions that were not seen
// for an hour make room, the oldest first; where all are fresh, hits are counted
// in a row "other" of the device and reason, and so are those of attempts that
// went. What comes with forged addresses has a share of its own, and cannot fill
// the device's whose name it takes. Nothing is ever uncounted.
//
// All methods are safe for concurrent use. It decides nothing and blocks nothing:
// with the journal broken, packets are dropped as before.
package journal
