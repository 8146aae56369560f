// Package block draws and reads the little grid of black and white cells in the
// corner of every frame of a lab clip. It says which scene and which frame of
// the loop a decoded picture is, so that a test can tell that the right picture
// is on screen, whatever re-encoded, scaled or played it.
//
// The grid has 8 by 4 cells, row by row from the top left: two sync cells
// (white, black), 6 bits of scene, 14 bits of frame, 8 bits of checksum
// (CRC-8, polynomial 0x07, of the 20 bits before), two sync cells (black,
// white). A white cell is a 1; numbers have their highest bit first.
package block
