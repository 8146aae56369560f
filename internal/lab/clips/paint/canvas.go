package paint

import (
	"image/color"
	"math"
	"sort"
)

// The scenes are described for a picture of Width by Height and painted Scale
// times as large; whoever encodes them scales down and so gets smooth edges.
const (
	Width, Height = 1280, 720
	Scale         = 2
	stride        = Width * Scale * 3
)

// Canvas is a picture in 24-bit RGB, row by row.
type Canvas struct{ Pix []byte }

// NewCanvas makes a black canvas.
func NewCanvas() *Canvas { return &Canvas{Pix: make([]byte, stride*Height*Scale)} }

// Copy takes over another canvas's picture.
func (c *Canvas) Copy(from *Canvas) { copy(c.Pix, from.Pix) }

// Point is a place on the canvas.
type Point struct{ X, Y float64 }

func rgb(hex uint32) color.NRGBA {
	return color.NRGBA{R: uint8(hex >> 16), G: uint8(hex >> 8), B: uint8(hex), A: 255}
}

func alpha(c color.NRGBA, a float64) color.NRGBA {
	c.A = uint8(255 * a)
	return c
}

func mix(a, b color.NRGBA, t float64) color.NRGBA {
	m := func(x, y uint8) uint8 { return uint8(float64(x) + (float64(y)-float64(x))*t) }
	return color.NRGBA{R: m(a.R, b.R), G: m(a.G, b.G), B: m(a.B, b.B), A: m(a.A, b.A)}
}

// span paints pixels [x0, x1) of a row, in pixels of the canvas.
func (c *Canvas) span(y, x0, x1 int, col color.NRGBA) {
	if y < 0 || y >= Height*Scale {
		return
	}
	x0, x1 = max(x0, 0), min(x1, Width*Scale)
	if x0 >= x1 {
		return
	}
	row := c.Pix[y*stride+x0*3 : y*stride+x1*3]
	a := uint32(col.A)
	for i := 0; i < len(row); i += 3 {
		row[i] = uint8((uint32(row[i])*(255-a) + uint32(col.R)*a) / 255)
		row[i+1] = uint8((uint32(row[i+1])*(255-a) + uint32(col.G)*a) / 255)
		row[i+2] = uint8((uint32(row[i+2])*(255-a) + uint32(col.B)*a) / 255)
	}
}

// Rect paints a rectangle.
func (c *Canvas) Rect(x, y, w, h float64, col color.NRGBA) {
	for py := int(y * Scale); py < int((y+h)*Scale); py++ {
		c.span(py, int(x*Scale), int((x+w)*Scale), col)
	}
}

// Shade paints a rectangle that changes from one colour at the top to another at the bottom.
func (c *Canvas) Shade(x, y, w, h float64, top, bottom color.NRGBA) {
	for py := int(y * Scale); py < int((y+h)*Scale); py++ {
		c.span(py, int(x*Scale), int((x+w)*Scale), mix(top, bottom, (float64(py)/Scale-y)/h))
	}
}

// Poly paints a polygon.
func (c *Canvas) Poly(col color.NRGBA, pts ...Point) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, p := range pts {
		lo, hi = min(lo, p.Y), max(hi, p.Y)
	}
	var xs []float64
	for py := max(0, int(lo*Scale)); py <= min(Height*Scale-1, int(hi*Scale)); py++ {
		y := (float64(py) + 0.5) / Scale
		xs = xs[:0]
		for i, a := range pts {
			b := pts[(i+1)%len(pts)]
			if (a.Y <= y) != (b.Y <= y) {
				xs = append(xs, a.X+(y-a.Y)/(b.Y-a.Y)*(b.X-a.X))
			}
		}
		sort.Float64s(xs)
		for i := 0; i+1 < len(xs); i += 2 {
			c.span(py, int(math.Round(xs[i]*Scale)), int(math.Round(xs[i+1]*Scale)), col)
		}
	}
}

// Oval paints an ellipse around a centre.
func (c *Canvas) Oval(cx, cy, rx, ry float64, col color.NRGBA) {
	for py := int((cy - ry) * Scale); py <= int((cy+ry)*Scale); py++ {
		d := ((float64(py)+0.5)/Scale - cy) / ry
		if d*d < 1 {
			w := rx * math.Sqrt(1-d*d)
			c.span(py, int(math.Round((cx-w)*Scale)), int(math.Round((cx+w)*Scale)), col)
		}
	}
}

// Line paints a line of a given width.
func (c *Canvas) Line(a, b Point, width float64, col color.NRGBA) {
	dx, dy := b.X-a.X, b.Y-a.Y
	n := math.Hypot(dx, dy)
	if n == 0 {
		return
	}
	ox, oy := -dy/n*width/2, dx/n*width/2
	c.Poly(col, Point{a.X + ox, a.Y + oy}, Point{b.X + ox, b.Y + oy}, Point{b.X - ox, b.Y - oy}, Point{a.X - ox, a.Y - oy})
}

// Glow adds light around a centre, fading to nothing at the radius.
func (c *Canvas) Glow(cx, cy, radius float64, col color.NRGBA, strength float64) {
	for py := max(0, int((cy-radius)*Scale)); py < min(Height*Scale, int((cy+radius)*Scale)); py++ {
		for px := max(0, int((cx-radius)*Scale)); px < min(Width*Scale, int((cx+radius)*Scale)); px++ {
			d := math.Hypot(float64(px)/Scale-cx, float64(py)/Scale-cy) / radius
			if d >= 1 {
				continue
			}
			f := (1 - d) * (1 - d) * strength
			p := c.Pix[py*stride+px*3:]
			p[0] = uint8(min(255, float64(p[0])+f*float64(col.R)))
			p[1] = uint8(min(255, float64(p[1])+f*float64(col.G)))
			p[2] = uint8(min(255, float64(p[2])+f*float64(col.B)))
		}
	}
}
