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
