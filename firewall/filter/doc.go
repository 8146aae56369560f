// Package filter is the language in which people and programs choose blocked
// attempts, one for the API, the command line and the page:
//
//	camera:gate-north -port:123 host:*.example country:CN since:24h reason:spoof
//
// A filter is words. FIELD:VALUE is met by what has the value; alternatives of the
// same field are joined by or, all else by and. A word without a field may stand
// anywhere in an attempt. A minus in front turns a word round, quotes hold spaces
// together. docs/attempts.md lists the fields.
//
// The package knows nothing of attempts but the names of their fields; it does no
// I/O, and a [Filter] does not change.
package filter
