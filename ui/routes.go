package ui

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed openapi.json
var openAPI []byte

// route is one operation of the API, and who may use it.
type route struct {
	method string // GET answers HEAD too
	path   string // under /api/v1
	who    access
	handle http.HandlerFunc
}

// siteRoutes are what a recorder shows. openapi.json says the same, and a test
// compares; another test walks all of them as every role.
func (s *Server) siteRoutes() []route {
	return []route{
		{"GET", "/health", signedIn, s.getHealth},
		{"GET", "/site", signedIn, s.getSite},
		{"GET", "/devices", readers, s.getDevices},
		{"GET", "/sightings", readers, bare(s.getSightings)},
		{"GET", "/inspect", readers, s.getInspect},
		{"GET", "/cameras", signedIn, s.getCameras},
		{"GET", "/containment", signedIn, s.getContainment},
		{"GET", "/containment/proof", readers, bare(s.getProof)},
		{"GET", "/recordings", replaying, s.getRecordings},
		{"GET", "/gaps", replaying, s.getGaps},
		{"GET", "/play", replaying, s.filmed(s.getPlay)},
		{"GET", "/play/plan", replaying, s.filmed(s.getPlayPlan)},
		{"GET", "/frame", replaying, s.filmed(s.getFrame)},
		{"GET", "/export", exporting, s.filmed(s.getExport)},
		{"GET", "/holds", signedIn, s.getHolds},
		{"GET", "/attempts", readers, s.getAttempts},
		{"GET", "/attempts/{attempt}", readers, s.getAttempt},
		{"GET", "/attempts/stream", readers, s.getAttemptStream},
		{"GET", "/attempts/groups", readers, s.getAttemptGroups},
		{"GET", "/events", signedIn, s.getEvents},
		{"GET", "/live/{camera}", watching, s.getLive},
		{"GET", "/session", public, bare(s.getSession)},
		{"GET", "/openapi.json", public, s.getOpenAPI},
	}
}

// accountRoutes are what there is with accounts only.
func (s *Server) accountRoutes() []route {
	return []route{
		{"POST", "/setup", duringSetup, bare(s.postSetup)},
		{"POST", "/session", public, bare(s.postSession)},
		{"DELETE", "/session", anySession, bare(s.deleteSession)},
		{"POST", "/session/totp", anySession, bare(s.postSessionTOTP)},
		{"POST", "/session/passkey/begin", public, bare(s.postSessionPasskeyBegin)},
		{"POST", "/session/passkey", public, bare(s.postSessionPasskey)},
		{"GET", "/sso/{provider}", public, bare(s.getSSO)},
		{"GET", "/sso/{provider}/callback", public, s.getSSOCallback},

		{"GET", "/account", person, bare(s.getAccount)},
		{"PUT", "/account", person, bare(s.putAccount)},
		{"PUT", "/account/password", choosingPass, bare(s.putAccountPassword)},
		{"POST", "/account/totp", enrolling, bare(s.postAccountTOTP)},
		{"PUT", "/account/totp", enrolling, bare(s.putAccountTOTP)},
		{"DELETE", "/account/totp", person, bare(s.deleteAccountTOTP)},
		{"POST", "/account/passkeys/begin", enrolling, bare(s.postAccountPasskeyBegin)},
		{"POST", "/account/passkeys", enrolling, bare(s.postAccountPasskey)},
		{"PUT", "/account/passkeys/{passkey}", person, bare(s.putAccountPasskey)},
		{"DELETE", "/account/passkeys/{passkey}", person, bare(s.deleteAccountPasskey)},
		{"GET", "/account/sessions", person, bare(s.getAccountSessions)},
		{"DELETE", "/account/sessions/{session}", person, bare(s.deleteAccountSession)},
		{"GET", "/account/tokens", person, bare(s.getAccountTokens)},
		{"POST", "/account/tokens", person, bare(s.postAccountToken)},
		{"DELETE", "/account/tokens/{token}", person, bare(s.deleteAccountToken)},

		{"GET", "/users", readers, bare(s.getUsers)},
		{"POST", "/users", admins, bare(s.postUser)},
		{"GET", "/users/{user}", readers, bare(s.getUser)},
		{"PUT", "/users/{user}", admins, bare(s.putUser)},
		{"DELETE", "/users/{user}", admins, bare(s.deleteUser)},
		{"POST", "/users/{user}/reset", admins, bare(s.postUserReset)},
		{"GET", "/users/{user}/sessions", readers, bare(s.getUserSessions)},
		{"DELETE", "/users/{user}/sessions", admins, bare(s.deleteUserSessions)},
		{"GET", "/users/{user}/tokens", readers, bare(s.getUserTokens)},
		{"DELETE", "/users/{user}/tokens", admins, bare(s.deleteUserTokens)},

		{"GET", "/confirmations", readers, bare(s.getConfirmations)},
		{"POST", "/confirmations/disarm", box, bare(s.postDisarm)},
		{"POST", "/containment/commands", box, bare(s.postContainmentCommand)},
		{"POST", "/containment/proof", admins, bare(s.postProof)},
		{"POST", "/confirmations/{confirmation}", admins, bare(s.postConfirmation)},
		{"DELETE", "/confirmations/{confirmation}", admins, bare(s.deleteConfirmation)},

		{"GET", "/attempts/reviewed", readers, bare(s.getReviewed)},
		{"POST", "/attempts/reviewed", admins, bare(s.postReviewed)},
		{"GET", "/tunnels", readers, bare(s.getTunnels)},
		{"POST", "/devices/{device}/tunnel", admins, bare(s.postTunnel)},
		{"POST", "/tunnels/{tunnel}/entrance", admins, bare(s.postTunnelEntrance)},
		{"DELETE", "/tunnels/{tunnel}", admins, bare(s.deleteTunnel)},

		{"POST", "/storage/clock", admins, bare(s.postStorageClock)},
		{"POST", "/holds", holding, s.postHold},
		{"DELETE", "/holds/{hold}", admins, bare(s.deleteHold)},
		{"GET", "/deletions", readers, s.getDeletions},
		{"POST", "/deletions", admins, bare(s.postDeletion)},

		{"POST", "/devices", admins, bare(s.postDevices)},
		{"DELETE", "/devices/{device}", admins, bare(s.deleteDevice)},
		{"POST", "/devices/{device}/inspect", admins, bare(s.postInspect)},

		{"GET", "/audit", readers, s.getAudit},
		{"GET", "/audit/export", readers, s.getAuditExport},
		{"GET", "/audit/verify", readers, s.getAuditVerify},
		{"GET", "/report", readers, s.getReport},
	}
}

func (s *Server) mux() *http.ServeMux {
	mux := http.NewServeMux()
	paths := map[string][]route{}
	for _, r := range s.siteRoutes() {
		paths[r.path] = append(paths[r.path], r)
	}
	for _, r := range s.accountRoutes() {
		if s.opt.Accounts == nil {
			r.who, r.handle = public, noAccounts
		}
		paths[r.path] = append(paths[r.path], r)
	}
	for path, routes := range paths {
		mux.HandleFunc("/api/v1"+path, s.dispatch(routes))
	}
	mux.HandleFunc("/ca.crt", s.dispatch([]route{{"GET", "/ca.crt", public, s.getRoot}}))
	mux.HandleFunc("/{$}", s.dispatch([]route{{"GET", "/", public, s.page.ServeHTTP}}))
	mux.HandleFunc("/assets/", s.dispatch([]route{{"GET", "/assets/", public, s.page.ServeHTTP}}))
	mux.HandleFunc("/tunnel/{tunnel}", s.dispatch([]route{{"GET", "/tunnel/", public, s.getTunnelPage}}))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, &Problem{http.StatusNotFound, "there is no such address here", "GET /api/v1/openapi.json lists what exists"})
	})
	return mux
}

// dispatch picks the operation of a path by its method.
func (s *Server) dispatch(routes []route) http.HandlerFunc {
	allow := make([]string, 0, len(routes)+1)
	for _, r := range routes {
		allow = append(allow, r.method)
		if r.method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	return func(w http.ResponseWriter, r *http.Request) {
		for _, rt := range routes {
			if rt.method == r.Method || rt.method == http.MethodGet && r.Method == http.MethodHead {
				s.admit(rt, w, r)
				return
			}
		}
		methods := strings.Join(allow, ", ")
		w.Header().Set("Allow", methods)
		writeProblem(w, &Problem{http.StatusMethodNotAllowed, "that method is not answered here", "answered here: " + methods})
	}
}

// writes reports whether the operation changes something on a user's behalf, which
// is kept in the audit. Signing in has bounds of its own, and out everybody may.
func (rt route) writes() bool {
	return rt.method != http.MethodGet && rt.who != public && rt.who != duringSetup && rt.who != anySession
}

// admit finds out who asks, checks that they may, and has the request handled.
func (s *Server) admit(rt route, w http.ResponseWriter, r *http.Request) {
	p, err := s.identify(r)
	if err == nil {
		err = s.mayUse(rt.who, p, r)
	}
	if err == nil {
		err = mayChange(r, rt.who, p)
	}
	if err == nil && rt.writes() {
		err = s.changes.take(p, time.Now())
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
	rt.handle(w, r.WithContext(withPrincipal(r.Context(), p)))
}

// bare is a handler of an operation that has no parameter in the query.
func bare(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if p := query(r); p.problem != nil {
			writeProblem(w, p.problem)
			return
		}
		handle(w, r)
	}
}

// noAccounts answers for accounts where there are none.
func noAccounts(w http.ResponseWriter, _ *http.Request) {
	writeProblem(w, &Problem{
		http.StatusNotFound, "this recorder runs without accounts",
		"the demo has none; nvr run asks for them",
	})
}

func (s *Server) getOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI)
}
