package ui

import "strings"

// Operation is a route as a test sees it.
type Operation struct{ Method, Path, Access string }

// Operations lists the whole API as routes.go has it. Paths are those of
// openapi.json: under /api/v1, but for /ca.crt.
func (s *Server) Operations() []Operation {
	all := []Operation{{"GET", "/ca.crt", string(public)}}
	for _, r := range append(s.siteRoutes(), s.accountRoutes()...) {
		all = append(all, Operation{strings.ToUpper(r.method), r.path, string(r.who)})
	}
	return all
}

// Bounds of what is open, as tests need them.
const (
	MaxOwnEvents    = maxOwnEvents
	MaxEventStreams = maxEventStreams
	KeptEvents      = keptEvents
	MaxOwnFilms     = maxOwnFilms
)
