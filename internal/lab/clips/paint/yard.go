package paint

import (
	"image/color"
	"math"
)

func yardBack(c *Canvas) {
	c.Shade(0, 0, Width, 260, rgb(0xaebccb), rgb(0xd9dde0))
	c.Shade(0, 260, Width, 460, rgb(0xa5a59d), rgb(0x85857f))
	for i := range 9 { // joints of the concrete
		y := 270 + 450*math.Pow(float64(i)/8, 1.8)
		c.Line(Point{0, y}, Point{Width, y}, 1.5, alpha(rgb(0x4b4b48), 0.4))
	}
	for i := -12; i <= 12; i++ {
		c.Line(Point{640 + float64(i)*42, 262}, Point{640 + float64(i)*190, Height}, 1.5, alpha(rgb(0x4b4b48), 0.35))
	}
	c.Rect(0, 190, 330, 110, rgb(0x6f7b83)) // shed
	c.Poly(rgb(0x59636a), Point{0, 150}, Point{330, 190}, Point{0, 190})
	for x := 14.0; x < 320; x += 78 {
		c.Rect(x, 216, 60, 84, rgb(0x8d99a1))
		for y := 222.0; y < 298; y += 9 {
			c.Rect(x, y, 60, 1.5, rgb(0x76828a))
		}
	}
	container(c, 400, 176, 260, 128, rgb(0xa8452f))
	container(c, 690, 186, 220, 118, rgb(0x2f6a7d))
	container(c, 690, 88, 220, 100, rgb(0xb98a2d))
	container(c, 940, 196, 200, 108, rgb(0x4f7346))
	c.Rect(1196, 40, 10, 300, rgb(0x50585d)) // mast
	c.Poly(rgb(0x3c4347), Point{1150, 38}, Point{1252, 38}, Point{1244, 62}, Point{1158, 62})
	for i := range 3 {
		c.Oval(1170+float64(i)*31, 58, 10, 6, rgb(0xfdf6d8))
	}
	for i := range 4 { // bays
		x := 150 + float64(i)*290
		c.Line(Point{x + 100, 420}, Point{x - 20, 640}, 5, alpha(rgb(0xf0e6b0), 0.8))
	}
}

func container(c *Canvas, x, y, w, h float64, col color.NRGBA) {
	if y+h > 290 { // on the ground
		c.Rect(x-4, y+h, w+30, 10, alpha(rgb(0), 0.25))
	}
	c.Rect(x, y, w, h, col)
	for i := 8.0; i < w-6; i += 14 {
		c.Rect(x+i, y+6, 5, h-12, mix(col, rgb(0), 0.22))
	}
	c.Rect(x, y, w, 5, mix(col, rgb(0xffffff), 0.25))
	c.Rect(x, y+h-5, w, 5, mix(col, rgb(0), 0.4))
}

func yardFront(c *Canvas, p float64) {
	walker(c, Width+80-(Width+160)*p, 560, 1.15, p*32*math.Pi, -1, rgb(0x3a4d63), rgb(0xe27a2d))
	x := -120 + (Width+400)*math.Mod(p+0.45, 1) // a fork-lift further back
	forklift(c, x, 372)
	if math.Mod(p*16, 1) < 0.5 {
		c.Glow(x+48, 316, 40, rgb(0xffb52e), 0.9)
	}
}

// walker paints a person; x is the middle, y the ground, step the phase of the
// stride, facing 1 to the right and -1 to the left.
func walker(c *Canvas, x, y, s, step, facing float64, cloth, vest color.NRGBA) {
	c.Oval(x, y+2, 34*s, 8*s, alpha(rgb(0), 0.3))
	bob := -3 * s * math.Abs(math.Sin(step))
	hip, shoulder := Point{x, y - 74*s + bob}, Point{x, y - 132*s + bob}
	for i, k := range []float64{1, -1} {
		swing := 26 * s * math.Sin(step) * k * facing
		knee := Point{x + swing*0.55 + 5*s*facing, y - 38*s}
		foot := Point{x + swing, y - max(0, 9*s*math.Cos(step)*k)}
		col := mix(cloth, rgb(0), 0.25*float64(i))
		c.Line(hip, knee, 15*s, col)
		c.Line(knee, foot, 12*s, col)
		c.Line(Point{foot.X - 3*s*facing, foot.Y}, Point{foot.X + 13*s*facing, foot.Y}, 8*s, rgb(0x222426))
		elbow := Point{x - swing*0.5, y - 104*s + bob}
		c.Line(Point{shoulder.X, shoulder.Y + 6*s}, elbow, 10*s, mix(vest, rgb(0), 0.3))
		c.Line(elbow, Point{x - swing*0.8 + 8*s*facing, y - 80*s + bob}, 8*s, rgb(0xc99a77))
	}
	c.Poly(vest, Point{x - 17*s, shoulder.Y}, Point{x + 17*s, shoulder.Y}, Point{x + 14*s, hip.Y + 4*s}, Point{x - 14*s, hip.Y + 4*s})
	c.Rect(x-15*s, shoulder.Y+26*s, 30*s, 6*s, rgb(0xeef0d2))
	c.Oval(x+2*s*facing, shoulder.Y-18*s, 12*s, 14*s, rgb(0xd3a482))
	c.Oval(x, shoulder.Y-25*s, 14*s, 9*s, rgb(0xf0d233))
	c.Rect(x-4*s+facing*6*s, shoulder.Y-24*s, 14*s, 3*s, rgb(0xd8bb22))
}

func forklift(c *Canvas, x, y float64) {
	c.Oval(x+50, y+2, 80, 7, alpha(rgb(0), 0.3))
	c.Poly(rgb(0xd9a323), Point{x, y - 12}, Point{x, y - 44}, Point{x + 44, y - 50}, Point{x + 96, y - 30}, Point{x + 96, y - 12})
	for _, a := range []float64{x + 14, x + 72} {
		c.Line(Point{a, y - 46}, Point{a, y - 84}, 4, rgb(0x2d3134))
		c.Oval(a, y-10, 13, 13, rgb(0x1f2224))
	}
	c.Rect(x+8, y-88, 72, 5, rgb(0x2d3134))
	c.Rect(x+100, y-96, 6, 92, rgb(0x3b4043))
	c.Rect(x+104, y-10, 46, 4, rgb(0x3b4043))
	c.Rect(x+108, y-48, 40, 38, rgb(0xa17b4d))
	c.Rect(x+108, y-30, 40, 3, rgb(0x7d5d38))
	c.Oval(x+46, y-62, 8, 9, rgb(0xd3a482))
	c.Oval(x+48, y-92, 6, 5, rgb(0xffb52e))
}
