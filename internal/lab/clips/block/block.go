package block

import "image"

// The grid's place in a picture of 1280 by 720; it scales with the width.
const (
	Left, Top     = 20, 640
	Cell          = 14
	Columns, Rows = 8, 4
	pictureWidth  = 1280
	cells         = Columns * Rows
)

// Bits gives the cells of a grid, white true. Scene is below 64, frame below 16,384.
func Bits(scene, frame int) [cells]bool {
	word := uint32(scene&0x3f)<<14 | uint32(frame&0x3fff)
	all := uint32(2)<<30 | word<<10 | uint32(crc8(word))<<2 | 1
	var b [cells]bool
	for i := range b {
		b[i] = all>>(cells-1-i)&1 == 1
	}
	return b
}

// Read finds the scene and the frame of a picture of any size with the lab's
// 16:9 proportions. It reports false where there is no intact grid.
func Read(img *image.Gray) (scene, frame int, ok bool) {
	r := img.Bounds()
	scale := float64(r.Dx()) / pictureWidth
	var level [cells]int
	for i := range level {
		x := r.Min.X + int((Left+(float64(i%Columns)+0.5)*Cell)*scale)
		y := r.Min.Y + int((Top+(float64(i/Columns)+0.5)*Cell)*scale)
		if !(image.Point{X: x, Y: y}).In(r) {
			return 0, 0, false
		}
		level[i] = int(img.GrayAt(x, y).Y)
	}
	white, black := (level[0]+level[cells-1])/2, (level[1]+level[cells-2])/2
	if white-black < 64 {
		return 0, 0, false
	}
	var all uint32
	for _, l := range level {
		all <<= 1
		if l > (white+black)/2 {
			all |= 1
		}
	}
	word := all >> 10 & 0xfffff
	if all>>30 != 2 || all&3 != 1 || uint8(all>>2) != crc8(word) {
		return 0, 0, false
	}
	return int(word >> 14), int(word & 0x3fff), true
}

// crc8 is the CRC-8 of the low 24 bits of word. Its start is not zero, so that
// a black picture is not a valid grid.
func crc8(word uint32) uint8 {
	crc := uint8(0xff)
	for shift := 16; shift >= 0; shift -= 8 {
		crc ^= uint8(word >> shift)
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 0x07
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
