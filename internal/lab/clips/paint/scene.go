package paint

import (
	"fmt"

	"github.com/stockade-nvr/stockade/internal/lab/clips/block"
)

// Scene is what one camera sees. It repeats without a seam.
type Scene struct {
	Number int    // in the block
	Name   string // of the clip's file
	Title  string // burnt in
	back   func(*Canvas)
	front  func(c *Canvas, phase float64) // phase runs from 0 to 1 over the loop
}

// Scenes gives all of them.
func Scenes() []Scene {
	return []Scene{
		{1, "gate", "NORTH GATE", gateBack, gateFront},
		{2, "yard", "VEHICLE YARD", yardBack, yardFront},
		{3, "corridor", "HQ CORRIDOR", corridorBack, corridorFront},
		{4, "dock", "LOADING DOCK", dockBack, dockFront},
	}
}

// Painter paints a scene's frames one after the other.
type Painter struct {
	scene       Scene
	fps, frames int
	back, c     *Canvas
}

// NewPainter prepares a loop of so many frames.
func NewPainter(s Scene, fps, frames int) *Painter {
	p := &Painter{scene: s, fps: fps, frames: frames, back: NewCanvas(), c: NewCanvas()}
	s.back(p.back)
	return p
}

// Frame paints frame n of the loop; the canvas is reused by the next call.
func (p *Painter) Frame(n int) *Canvas {
	p.c.Copy(p.back)
	p.scene.front(p.c, float64(n)/float64(p.frames))
	p.c.Text(24, 22, 4, p.scene.Title)
	clock := fmt.Sprintf("%02d:%05.2f  F%04d", n/p.fps/60, float64(n%(60*p.fps))/float64(p.fps), n)
	p.c.Text(Width-24-TextWidth(4, clock), 22, 4, clock)
	p.c.Rect(block.Left-6, block.Top-6, block.Columns*block.Cell+12, block.Rows*block.Cell+12, rgb(0x808080))
	for i, white := range block.Bits(p.scene.Number, n) {
		col := rgb(0)
		if white {
			col = rgb(0xffffff)
		}
		p.c.Rect(float64(block.Left+i%block.Columns*block.Cell), float64(block.Top+i/block.Columns*block.Cell), block.Cell, block.Cell, col)
	}
	return p.c
}
