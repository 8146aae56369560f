// Package storage keeps footage: volumes, segment files as opaque bytes, the
// ledger of each camera-day, the bbolt index that caches the ledgers,
// retention, gaps and recovery. It knows no media: what is inside a segment is
// told by an injected Probe. It does not record schedules or
// sign ledgers.
//
// # Holds
//
// A hold is asked for at one place, the book of holds, by whatever deletes: when
// a segment is chosen, and once more when its deletion is about to be stated
// (S5). The ledgers of every volume state each hold and its end, since footage
// of the camera may lie on any; the book gives each volume the lines that it
// lacks with its next commit. What is stated of a hold in any ledger counts, and
// an end is in force once all volumes in use have stated it. Deletion by hand
// goes the way of retention, with a gap in the place of each segment.
//
// # One volume
//
// A volume in use is a session with three goroutines. The writer takes what
// SegmentWriters queued, within a memory budget, and writes each part with one
// pwritev (S4). The committer makes durable what was written, once per
// Options.Durability at most, while the writer goes on (S2):
//
//	sync        syncfs, or each changed file and directory
//	checkpoint  lengths of open segments, ledger heads, this commit's ledger lines
//	ledgers     the lines, which the next commit syncs
//	index       one bbolt transaction (S3)
//
// Each step presumes the ones before it. The checkpoint is what makes a commit
// true: two files written in turn, so that one is always whole. The reaper
// measures free space and deletes (S5): stated in the ledger and committed,
// marked in the index, unlinked, and once that is durable, forgotten.
//
// A full disk costs the segment its next part. Any other error of the disk ends
// the session with all its segments at what the last good commit made durable;
// the volume is attached again, with recovery, every five seconds.
//
// # After a crash
//
// Attaching writes the last checkpoint's ledger lines once more, adds to the
// index what it lacks of the ledgers, probes each segment that was growing from
// its durable length on, and lists the hours since the checkpoint for newer
// ones. The archive is not walked. If the index or both checkpoints are lost,
// ledgers and files are read in the background while the volume records;
// nothing is deleted meanwhile. What nobody accounts for becomes a gap of the
// reason recorder-down (S6).
//
// # Concurrency and cost
//
// Store is safe for concurrent use; a SegmentWriter is for one goroutine.
// Create, Append, Seal, Abort, SetGap and CloseGap never wait for the disk. A
// listing is one short read transaction and about a microsecond a row.
//
// Invariants S2 to S8 of docs/storage.md are upheld here.
package storage
