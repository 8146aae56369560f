// Package footage makes real footage for tests: ffmpeg encodes a moving test
// picture, and the result is handed out as the parts of a run. Only tests
// import it.
package footage
