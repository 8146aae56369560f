package ui

import "net/http"

// maxRevision bounds what a command says of the site file that it armed by.
const maxRevision = 64

// postArming hears from a command on the box who armed the camera side: the recorder
// sees only that it was armed.
func (s *Server) postArming(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Revision string }
	err := readBody(r, &sent)
	if err == nil && len(sent.Revision) > maxRevision {
		err = &Problem{http.StatusBadRequest, "that is no revision of a site file", "send what nvr firewall arm prints"}
	}
	if err == nil {
		err = s.opt.Armed(principal(r), "revision "+sent.Revision)
	}
	s.finish(w, r, err)
}
