package configs

import (
	"fmt"
	"strings"
)

// Position is a place in the file, from 1.
type Position struct{ Line, Column int }

// Problem is one thing that is wrong, where, and what to do.
type Problem struct {
	Position
	Path    string // such as devices[2].mac; empty for the file as a whole
	Message string
	Fix     string
	// Faces says that only people need it: the page, accounts, sign-on. Recording
	// and containment go on without, so a running recorder only tells it.
	Faces bool
	// Absent says that an interface is not there: it may still come.
	Absent bool
}

// String gives LINE:COLUMN: PATH: MESSAGE: FIX.
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d:%d: ", p.Line, p.Column)
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Fix != "" {
		b.WriteString(": " + p.Fix)
	}
	return b.String()
}

// Problems is every problem of a file, in order of place. As an error it has a line for each.
type Problems []Problem

// Split parts what recording and containment need from what only people need.
func (ps Problems) Split() (needed, faces Problems) {
	for _, p := range ps {
		if p.Faces {
			faces = append(faces, p)
		} else {
			needed = append(needed, p)
		}
	}
	return needed, faces
}

// Error lists the problems.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
