package paint

import "math"

// vanish is where the corridor's lines meet.
var vanish = Point{640, 300}

// at gives the place of a point of the corridor's mouth, seen at depth d (1 near, 0 at the vanishing point).
func at(x, y, d float64) Point {
	return Point{vanish.X + (x-vanish.X)*d, vanish.Y + (y-vanish.Y)*d}
}

func corridorBack(c *Canvas) {
	const far = 0.16
	c.Poly(rgb(0xd8d9d4), at(-40, -60, 1), at(1320, -60, 1), at(1320, -60, far), at(-40, -60, far)) // ceiling
	for i := range 24 {                                                                             // floor and walls darken with depth
		d0, d1 := depth(float64(i)/24), depth(float64(i+1)/24)
		f := float64(i) / 24
		c.Poly(mix(rgb(0x8c8377), rgb(0x5b564f), f), at(-40, 760, d0), at(1320, 760, d0), at(1320, 760, d1), at(-40, 760, d1))
		c.Poly(mix(rgb(0xcfd3c8), rgb(0x8d938c), f), at(-40, -60, d0), at(-40, 760, d0), at(-40, 760, d1), at(-40, -60, d1))
		c.Poly(mix(rgb(0xc3c8be), rgb(0x838982), f), at(1320, -60, d0), at(1320, 760, d0), at(1320, 760, d1), at(1320, -60, d1))
	}
	for i := range 12 {
		d := depth(float64(i) / 12)
		c.Line(at(-40, 760, d), at(1320, 760, d), 2*d, alpha(rgb(0x3c3832), 0.35))
	}
	for _, x := range []float64{-40, 1320} {
		c.Line(at(x, 560, 1), at(x, 560, far), 7, alpha(rgb(0x5c7f8e), 0.8))
		for i := range 4 { // doors
			a, b := depth(0.1+float64(i)*0.23), depth(0.21+float64(i)*0.23)
			c.Poly(rgb(0x7a5b3c), at(x, 170, a), at(x, 757, a), at(x, 757, b), at(x, 170, b))
			c.Poly(alpha(rgb(0x3a2a1b), 0.5), at(x, 190, a*0.99), at(x, 420, a*0.99), at(x, 420, b*1.01), at(x, 190, b*1.01))
		}
	}
	c.Poly(rgb(0xa7aca5), at(-40, -60, far), at(1320, -60, far), at(1320, 760, far), at(-40, 760, far))
	c.Rect(600, 288, 36, 86, rgb(0x4b6673))
	c.Rect(644, 288, 36, 86, rgb(0x4b6673))
	c.Rect(618, 258, 44, 16, rgb(0x1f8f4d))
}

// depth maps an even walk along the corridor to how large things look.
func depth(walk float64) float64 { return 1 / (1 + walk*5.2) }

func corridorFront(c *Canvas, p float64) {
	for i := range 5 { // lamps; one of them is failing
		d := depth(0.06 + float64(i)*0.2)
		e := depth(0.11 + float64(i)*0.2)
		col := rgb(0xfffdf0)
		if i == 2 && math.Mod(p*40, 1) < 0.3 && math.Mod(p*5, 1) < 0.4 {
			col = rgb(0x9c9d94)
		}
		c.Poly(col, at(480, -60, d), at(800, -60, d), at(800, -60, e), at(480, -60, e))
		c.Glow(at(640, -60, d).X, at(640, -60, d).Y, 260*d, col, 0.22)
	}
	if math.Mod(p*8, 1) < 0.6 {
		c.Glow(640, 266, 46, rgb(0x35e07f), 0.45)
	}
	// Somebody comes from the far door and leaves through a near one on the right.
	walk := p / 0.86
	if walk < 1 {
		d := depth(0.92 - 0.86*walk)
		feet := at(700+520*smooth(walk, 0.72, 1), 758, d)
		walker(c, feet.X, feet.Y, 3.1*d, p*30*math.Pi, 1, rgb(0x2d3b35), rgb(0x6d7c5a))
	}
	// And somebody crosses the end of the corridor.
	if x := (p - 0.55) / 0.4; x > 0 && x < 1 {
		feet := at(-40+1360*x, 758, 0.2)
		walker(c, feet.X, feet.Y, 0.6, p*34*math.Pi, 1, rgb(0x444a55), rgb(0x9aa7b4))
	}
}
