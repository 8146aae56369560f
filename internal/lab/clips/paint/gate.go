package paint

import (
	"image/color"
	"math"
)

func gateBack(c *Canvas) {
	c.Shade(0, 0, Width, 330, rgb(0x7fa8cf), rgb(0xe9dcc4))
	c.Oval(980, 240, 46, 46, rgb(0xfff3d6))
	hills := []Point{{0, 300}}
	for x := 0.0; x <= Width; x += 20 {
		hills = append(hills, Point{x, 270 + 28*math.Sin(x/170) + 16*math.Sin(x/61)})
	}
	c.Poly(rgb(0x7d9483), append(hills, Point{Width, 420}, Point{0, 420})...)
	c.Shade(0, 330, Width, 390, rgb(0x8fa06f), rgb(0x5f7350))
	for i := range 9 { // trees behind the fence
		x := 40 + float64(i)*150 + 30*math.Sin(float64(i)*2.3)
		c.Rect(x-4, 300, 8, 60, rgb(0x5b4a39))
		c.Oval(x, 285, 34, 44, rgb(0x4c6b46))
		c.Oval(x-12, 300, 24, 28, rgb(0x567850))
	}
	for x := 0.0; x < Width; x += 12 { // fence
		if x < 560 || x > 860 {
			c.Line(Point{x, 330}, Point{x + 24, 420}, 1.2, alpha(rgb(0xd5d9da), 0.55))
			c.Line(Point{x + 24, 330}, Point{x, 420}, 1.2, alpha(rgb(0xd5d9da), 0.55))
		}
	}
	for x := 10.0; x < Width; x += 92 {
		if x < 560 || x > 860 {
			c.Rect(x, 318, 6, 108, rgb(0x6b7378))
		}
	}
	c.Poly(rgb(0x74777a), Point{600, 330}, Point{820, 330}, Point{1010, 470}, Point{420, 470}) // drive
	c.Shade(0, 468, Width, 180, rgb(0x595d61), rgb(0x47494d))
	c.Rect(0, 464, Width, 8, rgb(0xb9b9b0))
	c.Rect(0, 640, Width, 10, rgb(0xb9b9b0))
	for x := 20.0; x < Width; x += 130 {
		c.Rect(x, 548, 70, 7, rgb(0xe6e2d0))
	}
	c.Rect(872, 268, 150, 170, rgb(0xd7d2c4)) // guard house
	c.Poly(rgb(0x8a3b32), Point{856, 272}, Point{1038, 272}, Point{1018, 232}, Point{876, 232})
	c.Rect(890, 306, 64, 52, rgb(0x2e4353))
	c.Rect(966, 306, 40, 132, rgb(0x59666f))
	c.Line(Point{890, 340}, Point{930, 306}, 3, alpha(rgb(0xffffff), 0.35))
}

func gateFront(c *Canvas, p float64) {
	// The boom lifts while the car waits, and falls behind it.
	lift := smooth(p, 0.22, 0.36) - smooth(p, 0.62, 0.76)
	a := lift * 1.25
	from := Point{850, 428}
	for i := range 6 {
		col := rgb(0xf2f2f2)
		if i%2 == 0 {
			col = rgb(0xc8372d)
		}
		s, e := float64(i)*48, float64(i+1)*48
		c.Line(Point{from.X - s*math.Cos(a), from.Y - s*math.Sin(a)}, Point{from.X - e*math.Cos(a), from.Y - e*math.Sin(a)}, 9, col)
	}
	c.Rect(842, 405, 18, 62, rgb(0x3d4347))
	lamp := rgb(0xc8372d)
	if lift > 0.5 {
		lamp = rgb(0x3fae5a)
	}
	c.Oval(851, 398, 8, 8, lamp)
	c.Glow(851, 398, 30, lamp, 0.5)
	car(c, -260+(Width+520)*(0.38*smooth(p, 0, 0.26)+0.62*smooth(p, 0.34, 0.95)), 570, rgb(0x2f6f9f))
	bird := p * 2 * math.Pi
	for i := range 3 {
		x, y := 300+160*math.Cos(bird)+float64(i)*26, 130+30*math.Sin(2*bird)+float64(i%2)*14
		flap := 6 * math.Sin(bird*14+float64(i))
		c.Line(Point{x - 9, y - flap}, Point{x, y}, 2, rgb(0x39424a))
		c.Line(Point{x, y}, Point{x + 9, y - flap}, 2, rgb(0x39424a))
	}
}

// smooth goes from 0 to 1 while t goes from a to b, gently at both ends.
func smooth(t, a, b float64) float64 {
	x := min(1, max(0, (t-a)/(b-a)))
	return x * x * (3 - 2*x)
}

// car paints a car from the side; x is its rear, y the ground.
func car(c *Canvas, x, y float64, body color.NRGBA) {
	c.Oval(x+125, y+4, 140, 12, alpha(rgb(0), 0.35))
	c.Poly(body, Point{x, y - 18}, Point{x + 4, y - 58}, Point{x + 52, y - 66}, Point{x + 84, y - 104}, Point{x + 168, y - 104}, Point{x + 206, y - 64}, Point{x + 246, y - 54}, Point{x + 252, y - 18})
	c.Poly(rgb(0xaecbdd), Point{x + 64, y - 66}, Point{x + 90, y - 98}, Point{x + 122, y - 98}, Point{x + 122, y - 66})
	c.Poly(rgb(0xaecbdd), Point{x + 130, y - 66}, Point{x + 130, y - 98}, Point{x + 163, y - 98}, Point{x + 192, y - 66})
	c.Rect(x+126, y-60, 2, 38, mix(body, rgb(0), 0.4))
	c.Oval(x+245, y-44, 7, 6, rgb(0xfff2b8))
	c.Glow(x+262, y-42, 60, rgb(0xfff2b8), 0.35)
	c.Rect(x, y-50, 6, 12, rgb(0xd4483b))
	for _, wx := range []float64{x + 54, x + 200} {
		c.Oval(wx, y-18, 25, 25, rgb(0x1f2224))
		c.Oval(wx, y-18, 13, 13, rgb(0xa9aeb2))
		for k := range 3 {
			a := x/25 + float64(k)*math.Pi/3
			c.Line(Point{wx - 12*math.Cos(a), y - 18 - 12*math.Sin(a)}, Point{wx + 12*math.Cos(a), y - 18 + 12*math.Sin(a)}, 2.5, rgb(0x565b5f))
		}
	}
}
