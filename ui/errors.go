package ui

import "errors"

// ErrNotFound says that the site has no such camera, stream, attempt, or no
// footage there. It is normal: the API answers 404.
var ErrNotFound = errors.New("not found")

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
