// Package clips holds the lab's pre-encoded pictures and sound: loops of 8 s of
// scenes that the make command paints. Main pictures are 1280 by 720 at 15
// frames a second, sub pictures 640 by 360 at 10, GOPs of 2 s, no B-frames; the
// sound is AAC-LC at 16 kHz, mono. Each picture carries the block that package
// block reads.
package clips

//go:generate go run ./make

import (
	"embed"
	"fmt"
)

//go:embed *.h264 *.h265 *.aac
var files embed.FS

// Read gives a clip's bytes: Annex B with access unit delimiters, or ADTS.
func Read(name string) ([]byte, error) {
	b, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read clip: %w", err)
	}
	return b, nil
}
