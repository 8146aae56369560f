package block_test

import (
	"image"
	"image/color"
	"testing"

	"github.com/stockade-nvr/stockade/internal/lab/clips/block"
)

// draw paints a grid into a grey picture of the given width.
func draw(width, scene, frame int) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, width, width*9/16))
	for i := range img.Pix {
		img.Pix[i] = 90
	}
	for i, white := range block.Bits(scene, frame) {
		level := uint8(30) // as lossy coding leaves them
		if white {
			level = 220
		}
		x0, y0 := (block.Left+i%block.Columns*block.Cell)*width/1280, (block.Top+i/block.Columns*block.Cell)*width/1280
		for y := y0; y < y0+block.Cell*width/1280; y++ {
			for x := x0; x < x0+block.Cell*width/1280; x++ {
				img.SetGray(x, y, color.Gray{Y: level})
			}
		}
	}
	return img
}

func TestReadFindsWhatWasDrawn(t *testing.T) {
	for _, width := range []int{1920, 1280, 640} {
		for _, want := range [][2]int{{0, 0}, {1, 119}, {63, 16383}, {42, 8192}} {
			scene, frame, ok := block.Read(draw(width, want[0], want[1]))
			if !ok || scene != want[0] || frame != want[1] {
				t.Errorf("width %d: got %d %d %v, want %v", width, scene, frame, ok, want)
			}
		}
	}
}

func TestReadRefusesDamage(t *testing.T) {
	blank := image.NewGray(image.Rect(0, 0, 1280, 720))
	if _, _, ok := block.Read(blank); ok {
		t.Error("a black picture was read")
	}
	for i := range block.Columns * block.Rows {
		img := draw(1280, 5, 77)
		x := block.Left + i%block.Columns*block.Cell + block.Cell/2
		y := block.Top + i/block.Columns*block.Cell + block.Cell/2
		img.SetGray(x, y, color.Gray{Y: 250 - img.GrayAt(x, y).Y})
		if s, f, ok := block.Read(img); ok {
			t.Errorf("cell %d flipped: read %d %d", i, s, f)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(draw(64, 1, 2).Pix, 64, 36)
	f.Add([]byte{}, 0, 0)
	f.Fuzz(func(t *testing.T, pix []byte, w, h int) {
		if w < 0 || h < 0 || w > 4096 || h > 4096 || w*h > len(pix) {
			return
		}
		if s, n, ok := block.Read(&image.Gray{Pix: pix, Stride: w, Rect: image.Rect(0, 0, w, h)}); ok && (s > 63 || n > 16383) {
			t.Errorf("read %d %d", s, n)
		}
	})
}
