package ui

import "net/http"

func (s *Server) getHealth(w http.ResponseWriter, r *http.Request) {
	if p := query(r); p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	writeJSON(w, s.healthOf(principal(r)))
}

func (s *Server) getSite(w http.ResponseWriter, r *http.Request) {
	if p := query(r); p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	writeJSON(w, struct {
		SiteView
		Now string `json:"now"`
	}{s.opt.Site(), stamp(s.opt.Now())})
}

func (s *Server) getDevices(w http.ResponseWriter, r *http.Request) {
	if p := query(r); p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	writeJSON(w, struct {
		Devices []DeviceView `json:"devices"`
	}{s.devicesOf(principal(r))})
}

func (s *Server) getCameras(w http.ResponseWriter, r *http.Request) {
	if p := query(r); p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	writeJSON(w, struct {
		Cameras []CameraView `json:"cameras"`
	}{orEmpty(s.camerasOf(principal(r)))})
}

func (s *Server) getContainment(w http.ResponseWriter, r *http.Request) {
	if p := query(r); p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	writeJSON(w, s.containmentOf(principal(r)))
}

// orEmpty makes an empty list [] in JSON, not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
