package ui

import (
	"net/http"
	"strings"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// getExport is getPlay for footage that leaves the recorder: with a right of its
// own, and a reason that is kept.
func (s *Server) getExport(w http.ResponseWriter, r *http.Request) {
	p := query(r, "camera", "stream", "from", "to", "reason")
	camera, stream := p.text("camera"), p.stream()
	reason := strings.TrimSpace(p.text("reason"))
	from, to := p.span(s.opt.Now(), maxPlayRange)
	if reason == "" {
		p.bad("reason is missing", "say what the footage is wanted for: it is kept in the audit")
	}
	err := error(nil)
	if p.problem != nil {
		err = p.problem
	} else {
		err = s.stream(camera, stream)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.serveRange(w, r, served{
		view:  view{right: auth.Export, camera: camera, stream: stream, from: from, to: to},
		start: from, disposition: "attachment", reason: reason,
	})
}
