// Package pattern tells what a person looks for in the times and the spread of
// attempts: when they came, whether they come by the clock, whether one source
// tries ever new destinations, and whether a device does what it never did.
//
// Everything here is arithmetic on times and counts: no clock is read, nothing is
// kept but what a value holds, and that is bounded. A value is one goroutine's at
// a time.
package pattern
