// Package inspect holds what a device says of itself against what is known of it
// without asking: the site file's declaration, its pinned MAC and address, the
// maker of that MAC, the recorder's own addresses and clock.
//
// Everything here is a claim, with its source. A device that lies well is not found
// out by asking it; one that contradicts itself or the site file is, and so is a
// way out that its own settings tell of: a radio, a modem, a second cable, another
// gateway. Nothing is scored.
//
// [Of] is pure, keeps nothing, and may be called at once. The asking is package
// streams/onvif's.
package inspect
