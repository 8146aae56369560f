// Package frames writes Ethernet frames by hand, such as no honest stack would
// send: for the firewall's canary, and for the tests of what the firewall stops.
//
// Functions take what stands in a header and give bytes; they keep nothing and
// check nothing, since what is wrong in a frame is often the point of it.
// Addresses must be of the family that a function names.
package frames
