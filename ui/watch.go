package ui

import (
	"encoding/base64"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/stockade-nvr/stockade/ui/auth"
	"github.com/stockade-nvr/stockade/ui/live"
)

// handshake says why a request opens no WebSocket (RFC 6455, 4.2.1), or nil. It
// is checked here so that the refusal is a Problem, and comes before a stream is
// pulled for it.
func handshake(r *http.Request) *Problem {
	h := r.Header
	switch key, err := base64.StdEncoding.DecodeString(h.Get("Sec-WebSocket-Key")); {
	case h.Get("Upgrade") == "", r.Method != http.MethodGet:
		return &Problem{http.StatusUpgradeRequired, "live pictures come over a WebSocket", "open it as one, or open the page at /"}
	case !names(h, "Connection", "upgrade"), !names(h, "Upgrade", "websocket"):
		return &Problem{http.StatusUpgradeRequired, "the upgrade is not to a WebSocket", "send Connection: Upgrade and Upgrade: websocket, also through a proxy"}
	case h.Get("Sec-WebSocket-Version") != "13":
		return &Problem{http.StatusUpgradeRequired, "the WebSocket's version is not 13", "send Sec-WebSocket-Version: 13"}
	case err != nil, len(key) != 16, len(h.Values("Sec-WebSocket-Key")) != 1:
		return &Problem{http.StatusBadRequest, "the WebSocket's key is not 16 bytes in base64", "send one Sec-WebSocket-Key as RFC 6455 has it"}
	}
	return nil
}

// names reports whether a header that is a list has a word in it.
func names(h http.Header, header, word string) bool {
	for _, list := range h.Values(header) {
		for one := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.TrimSpace(one), word) {
				return true
			}
		}
	}
	return false
}

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
	if p := handshake(r); p != nil {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
		writeProblem(w, p)
		return
	}
	give, ok := s.live.take(principal(r))
	if !ok {
		writeFull(w, "live pictures")
		return
	}
	defer give()
	reader, err := s.opt.Live(camera, stream)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer reader.Close()
	var details atomic.Bool // as the principal is now
	details.Store(hearsDetails(principal(r)))
	ctx, end := s.whileAllowed(r, func(p auth.Principal) bool {
		details.Store(hearsDetails(p))
		if s.mayCamera(p, auth.Live, camera) != nil {
			return false
		}
		s.opt.Accounts.Watching(p)
		return true
	})
	defer end()
	closed, err := s.viewed(r, view{right: auth.Live, camera: camera, stream: stream})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer closed()
	if err := live.Serve(ctx, w, r, reader, live.Options{Now: s.opt.Now, Details: details.Load}); err != nil {
		s.log.Debug("live viewer ended", "camera", camera, "stream", stream, "error", err)
	}
}
