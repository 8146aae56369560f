package ui

import (
	_ "embed"
	"net/http"

	"github.com/stockade-nvr/stockade/ui/web"
)

//go:embed openapi.json
var openAPI []byte

// route is one operation of the API.
type route struct {
	path   string // under /api/v1
	handle http.HandlerFunc
}

// routes is the whole API. openapi.json says the same, and a test compares.
func (s *Server) routes() []route {
	return []route{
		{"/health", s.getHealth},
		{"/site", s.getSite},
		{"/devices", s.getDevices},
		{"/cameras", s.getCameras},
		{"/containment", s.getContainment},
		{"/recordings", s.getRecordings},
		{"/gaps", s.getGaps},
		{"/play", s.getPlay},
		{"/play/plan", s.getPlayPlan},
		{"/frame", s.getFrame},
		{"/attempts", s.getAttempts},
		{"/attempts/{attempt}", s.getAttempt},
		{"/attempts/stream", s.getAttemptStream},
		{"/events", s.getEvents},
		{"/live/{camera}", s.getLive},
		{"/openapi.json", s.getOpenAPI},
	}
}

func (s *Server) mux() *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.HandleFunc("/api/v1"+r.path, r.handle) // the guard let only GET and HEAD pass
	}
	mux.Handle("/{$}", web.Handler())
	mux.Handle("/assets/", web.Handler())
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, &Problem{http.StatusNotFound, "there is no such address here", "GET /api/v1/openapi.json lists what exists"})
	})
	return mux
}

func (s *Server) getOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI)
}
