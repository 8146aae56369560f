package paint

import "image/color"

// glyphs are five columns by seven rows; the highest of five bits is the left column.
func glyph(r rune) [7]uint8 {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:.-/ "
	table := [...][7]uint8{
		{14, 17, 17, 31, 17, 17, 17}, {30, 17, 17, 30, 17, 17, 30}, {14, 17, 16, 16, 16, 17, 14}, // A B C
		{30, 17, 17, 17, 17, 17, 30}, {31, 16, 16, 30, 16, 16, 31}, {31, 16, 16, 30, 16, 16, 16}, // D E F
		{14, 17, 16, 23, 17, 17, 15}, {17, 17, 17, 31, 17, 17, 17}, {14, 4, 4, 4, 4, 4, 14}, // G H I
		{7, 2, 2, 2, 2, 18, 12}, {17, 18, 20, 24, 20, 18, 17}, {16, 16, 16, 16, 16, 16, 31}, // J K L
		{17, 27, 21, 21, 17, 17, 17}, {17, 25, 21, 19, 17, 17, 17}, {14, 17, 17, 17, 17, 17, 14}, // M N O
		{30, 17, 17, 30, 16, 16, 16}, {14, 17, 17, 17, 21, 18, 13}, {30, 17, 17, 30, 20, 18, 17}, // P Q R
		{15, 16, 16, 14, 1, 1, 30}, {31, 4, 4, 4, 4, 4, 4}, {17, 17, 17, 17, 17, 17, 14}, // S T U
		{17, 17, 17, 17, 17, 10, 4}, {17, 17, 17, 21, 21, 27, 17}, {17, 17, 10, 4, 10, 17, 17}, // V W X
		{17, 17, 10, 4, 4, 4, 4}, {31, 1, 2, 4, 8, 16, 31}, // Y Z
		{14, 17, 19, 21, 25, 17, 14}, {4, 12, 4, 4, 4, 4, 14}, {14, 17, 1, 6, 8, 16, 31}, // 0 1 2
		{30, 1, 1, 14, 1, 1, 30}, {2, 6, 10, 18, 31, 2, 2}, {31, 16, 30, 1, 1, 17, 14}, // 3 4 5
		{6, 8, 16, 30, 17, 17, 14}, {31, 1, 2, 4, 8, 8, 8}, {14, 17, 17, 14, 17, 17, 14}, // 6 7 8
		{14, 17, 17, 15, 1, 2, 12}, {0, 4, 0, 0, 0, 4, 0}, {0, 0, 0, 0, 0, 0, 4}, // 9 : .
		{0, 0, 0, 14, 0, 0, 0}, {1, 1, 2, 4, 8, 16, 16}, {}, // - / space
	}
	for i, l := range letters {
		if l == r {
			return table[i]
		}
	}
	return [7]uint8{31, 17, 17, 17, 17, 17, 31}
}

// Text paints capitals, digits and : . - / with a dark edge, size per dot of the glyph.
func (c *Canvas) Text(x, y, size float64, s string) {
	dots := func(dx, dy, grow float64, col color.NRGBA) {
		for i, r := range s {
			g := glyph(r)
			for row, bits := range g {
				for column := range 5 {
					if bits>>(4-column)&1 == 1 {
						c.Rect(x+float64(i)*6*size+float64(column)*size+dx, y+float64(row)*size+dy, size+grow, size+grow, col)
					}
				}
			}
		}
	}
	edge := size / 2.5
	dots(-edge, -edge, 2*edge, rgb(0x101418))
	dots(0, 0, 0, rgb(0xf4f6f8))
}

// TextWidth is how wide Text paints s.
func TextWidth(size float64, s string) float64 { return float64(len(s)*6-1) * size }
