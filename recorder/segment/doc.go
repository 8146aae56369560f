// Package segment is our file format: fragmented MP4 (ISO/IEC 14496-12) that is
// only ever appended to, says itself how far it is good, and is playable by any
// player at every instant of its life (S1). docs/storage-format.md has the
// drawings.
//
//	ftyp moov uuid(description)              the head
//	{ uuid(part header) prft moof mdat } ... about one second each
//	uuid(part table) mfra                    the trailer, only when sealed
//
// A [Writer] lays out one segment; it does no I/O, keeps no payload, and copies
// none: it hands out pieces to be written in order. [Probe] finds how far a file
// is good after a crash, [Open] reads what a file holds.
//
// Movie time 0 of a segment is the decode time of its first sample, so a single
// file starts at 0 in every player; the description's Base leads back to the
// run's media time.
//
// Costs: a checksum (CRC-32C) over each byte, 40 bytes of table per part, and
// one pooled header buffer per part that is under way. A Writer is used by one
// goroutine; its Blocks may be released by another. What is read is treated as
// hostile (S9): bounded memory, no panic.
package segment
