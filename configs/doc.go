// Package configs reads and writes the site file nvr.yaml: its schema, its
// validation with line, column, problem and fix for everything that is wrong at
// once, its revision (a hash of its bytes) and its atomic replacement.
//
// The site file is where truth about a site lives: the containment rules can be
// rebuilt from it with nothing else present. So it is strict: an unknown key is
// an error, never ignored.
//
// Parse is pure; what depends on the machine (paths, password files) is told by
// CheckEnvironment. The package imports nothing of ours: cmd/nvr translates a
// Site into each package's Options.
package configs
