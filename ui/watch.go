package ui

import (
	"net/http"

	"github.com/stockade-nvr/stockade/ui/auth"
	"github.com/stockade-nvr/stockade/ui/live"
)

// getLive sends a stream's pictures over a WebSocket.
func (s *Server) getLive(w http.ResponseWriter, r *http.Request) {
	p := query(r, "stream")
	camera, stream := r.PathValue("camera"), p.stream()
	if p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	if err := s.stream(camera, stream); err != nil {
		s.fail(w, r, err)
		return
	}
	if r.Header.Get("Upgrade") == "" {
		w.Header().Set("Upgrade", "websocket")
		writeProblem(w, &Problem{http.StatusUpgradeRequired, "live pictures come over a WebSocket", "open it as one, or open the page at /"})
		return
	}
	if !s.live.take() {
		w.Header().Set("Retry-After", "10")
		writeProblem(w, &Problem{http.StatusServiceUnavailable, "too many live pictures are open", "close pages of this recorder that nobody looks at"})
		return
	}
	defer s.live.give()
	reader, err := s.opt.Live(camera, stream)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer reader.Close()
	ctx, end := s.whileCamera(r, auth.Live, camera)
	defer end()
	defer s.viewed(r, view{right: auth.Live, camera: camera, stream: stream})()
	if err := live.Serve(ctx, w, r, reader, live.Options{Now: s.opt.Now}); err != nil {
		s.log.Debug("live viewer ended", "camera", camera, "stream", stream, "error", err)
	}
}
