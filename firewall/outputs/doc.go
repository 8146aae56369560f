// Package outputs tells other systems what the journal has: attempts, questions
// to the sinkhole, what becomes of containment, alarms. It speaks syslog (RFC
// 5424) over TCP or TLS, framed by octet counting (RFC 6587, RFC 5425), with CEF
// or with lines of JSON that are named as Zeek names them.
//
// # How it works
//
// The journal is the queue. A receiver has a mark: all that was last hit before
// it is delivered. Each second what came since is read from the journal and
// written, new attempts at once and those that go on at most each minute. While
// a receiver is away its mark stays, and costs nothing; when it is back, it gets
// all that the journal still has. The marks are kept in a file.
//
// Syslog acknowledges nothing: what the other side's kernel took may never have
// reached the receiver. So what was written in the minute before a connection
// broke is written again. A receiver gets each attempt at least once, and tells
// those that it gets twice by their id and count.
//
// Changes of containment and alarms have a queue in memory of 256 for each
// receiver; the oldest go, and are counted.
//
// # What it does not do
//
// It delays nobody: it is no subscriber of the journal, and asks in turns of some
// tens of milliseconds. It takes nothing from a receiver, and leaves one that
// talks. It dials nothing on the camera side, whatever a name resolves to (C13).
// Chatter is not told.
//
// Each receiver has one goroutine and, while connected, one more. Methods are
// safe for concurrent use.
package outputs
