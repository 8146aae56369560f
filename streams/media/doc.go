// Package media holds what a camera's stream is made of after RTP and before a
// file: tracks, access units, parts and the pooled chunks that their bytes lie
// in, and the assembler that turns RTP payloads into them.
//
// # The buffer contract
//
// An [Assembler] appends the NAL units of each packet, length-prefixed (AVCC,
// ISO/IEC 14496-15 section 5.3.2), to pooled, append-only chunks of the
// stream's open part. That is the one copy between a socket's buffer and the
// disk. The bytes of a closed access unit never change. A finished [Part] is
// owned by whoever receives it, who calls [Part.Release] exactly once; after
// that its payload may be reused. An [AccessUnit] given to a tap is valid only
// during the call: a watched stream makes one garbage-collected copy of it,
// shared by all its viewers, so that no slow viewer pins a recorder's buffer.
//
// # Clocks
//
// Three clocks, three types, never mixed without naming the conversion:
// RTPTime (raw RTP timestamp, 32 bits, wraps), MediaTime (ticks of the track's
// clock since the run began, 64 bits) and time.Time (the recorder's UTC clock).
//
// It does no I/O and starts no goroutine. An Assembler is used by one goroutine.
package media
