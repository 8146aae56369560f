// Package fmp4 writes fragmented MP4 (ISO/IEC 14496-12): the initialization
// (ftyp, moov) through mediacommon, and by hand what is written for every part
// and every live picture: moof and the header of mdat, into a buffer of the
// caller's, without copying a part's payload.
//
// Track IDs are the index in the format plus one; each track's timescale is its
// clock rate, so media time goes into tfdt and trun as it is. Functions are
// pure; an append costs no allocation where the buffer has room.
package fmp4
