package long

import "os"

// Times is how often to do something: briefly, or thoroughly under make
// test-long, which sets STOCKADE_LONG.
func Times(brief, thorough int) int {
	if os.Getenv("STOCKADE_LONG") != "" {
		return thorough
	}
	return brief
}
