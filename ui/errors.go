package ui

import "errors"

// ErrNotFound says that the site has no such camera, stream, attempt, or no
// footage there. It is normal: the API answers 404.
var ErrNotFound = errors.New("not found")

// ErrWaits says, beside a Problem, that what was asked for is not refused: it is
// in force or will be, and what is missing is tried again without being asked for.
var ErrWaits = errors.New("not everywhere yet")

// Problem is an error with a remedy, as every error of the API reads:
// {"error": ..., "fix": ...}. A source of Options may return one to choose the
// status; any other error becomes 500 and is logged, not shown.
type Problem struct {
	Status  int    `json:"-"`
	Message string `json:"error"`
	Fix     string `json:"fix"`
}

// Error gives the message.
func (p *Problem) Error() string { return p.Message }
