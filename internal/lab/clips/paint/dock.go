package paint

import "math"

func dockBack(c *Canvas) {
	c.Shade(0, 0, Width, 400, rgb(0x0b1220), rgb(0x1c2738))
	for i := range 70 {
		f := float64(i)
		x, y := math.Mod(f*197.3, Width), math.Mod(f*71.7, 190)
		c.Rect(x, y, 1.5, 1.5, alpha(rgb(0xdfe8f5), 0.3+0.6*math.Mod(f*0.37, 1)))
	}
	c.Oval(190, 96, 30, 30, rgb(0xe8e4d2))
	c.Oval(202, 88, 26, 26, rgb(0x0f1829))
	c.Shade(0, 400, Width, 320, rgb(0x23272d), rgb(0x15181c))
	c.Rect(330, 150, 950, 300, rgb(0x39424d)) // hall
	c.Rect(330, 138, 950, 16, rgb(0x515c68))
	for x := 340.0; x < Width; x += 22 {
		c.Rect(x, 156, 2, 290, alpha(rgb(0x20262d), 0.6))
	}
	for i := range 3 {
		x := 420 + float64(i)*290
		c.Rect(x-10, 226, 200, 206, rgb(0x1d2126))
		c.Shade(x, 236, 180, 190, rgb(0x8b8f86), rgb(0x6a6d66))
		for y := 244.0; y < 424; y += 18 {
			c.Rect(x, y, 180, 2, rgb(0x53564f))
		}
		c.Rect(x-22, 420, 224, 30, rgb(0x14171a))
		c.Text(x+72, 186, 5, string(rune('1'+i))+"A")
		c.Oval(x+90, 168, 16, 6, rgb(0xffedb8))
	}
	c.Shade(710, 236, 180, 190, rgb(0xffe9b0), rgb(0xd8b56a)) // the open one
	c.Rect(726, 330, 54, 96, rgb(0x7b5a35))
	c.Rect(790, 300, 46, 126, rgb(0x86683f))
	for i := range 3 { // light on the ground and in the air
		x := 510 + float64(i)*290
		c.Poly(alpha(rgb(0xffdf9a), 0.10), Point{x - 12, 170}, Point{x + 12, 170}, Point{x + 190, 640}, Point{x - 190, 640})
		c.Oval(x, 560, 190, 60, alpha(rgb(0xffdf9a), 0.10))
		c.Glow(x, 168, 90, rgb(0xffdf9a), 0.6)
	}
	for i := range 6 {
		x := 250 + float64(i)*180
		c.Line(Point{x, 470}, Point{x - 90, 700}, 5, alpha(rgb(0xd8cf8a), 0.5))
	}
}

func dockFront(c *Canvas, p float64) {
	back := 0.5 - 0.5*math.Cos(2*math.Pi*p) // drives up to the door and away again
	x := -150 + 520*back
	y := 610.0
	c.Oval(x+170, y+4, 220, 14, alpha(rgb(0), 0.5))
	c.Shade(x+60, y-190, 300, 160, rgb(0xb9c2c9), rgb(0x8a949c))
	c.Rect(x+60, y-34, 310, 10, rgb(0x2a2e31))
	c.Text(x+94, y-128, 4, "CAMP NORTH")
	c.Poly(rgb(0x7a2f2a), Point{x - 30, y - 26}, Point{x - 30, y - 88}, Point{x + 2, y - 140}, Point{x + 52, y - 140}, Point{x + 52, y - 26})
	c.Poly(rgb(0x31444f), Point{x - 18, y - 92}, Point{x + 8, y - 132}, Point{x + 36, y - 132}, Point{x + 36, y - 92})
	for _, w := range []float64{x, x + 250, x + 310} {
		c.Oval(w, y-18, 24, 24, rgb(0x101214))
		c.Oval(w, y-18, 10, 10, rgb(0x63696d))
	}
	tail := rgb(0xff3b2e)
	c.Rect(x+356, y-58, 8, 18, tail)
	c.Glow(x+362, y-50, 60, tail, 0.6)
	if math.Sin(2*math.Pi*p) > 0 { // reversing: white lamp and a beacon
		c.Glow(x+372, y-80, 110, rgb(0xf5f7ff), 0.5)
		if math.Mod(p*16, 1) < 0.5 {
			c.Glow(x+10, y-150, 70, rgb(0xffa01e), 1)
		}
	}
	walker(c, 905+70*math.Sin(2*math.Pi*p), 470, 0.75, p*20*math.Pi, sign(math.Cos(2*math.Pi*p)), rgb(0x1d2733), rgb(0xd9e23a))
}

func sign(x float64) float64 {
	if x < 0 {
		return -1
	}
	return 1
}
