package ui

import (
	"context"
	"net/http"
	"time"
)

// Proofs are the canary's rounds: what proves containment on the live path.
type Proofs interface {
	// Proof gives the last round; one that never was has no Began.
	Proof() ProofView
	// Prove makes a round now, and takes some seconds at most.
	Prove(ctx context.Context) ProofView
}

// ProofView is what one round of the canary found.
type ProofView struct {
	ProofInShort

	Paths     []PathView    `json:"paths"`
	Controls  []ControlView `json:"controls"`
	Notes     []string      `json:"notes"`     // what could not be tried here
	Unseeable []string      `json:"unseeable"` // what no round proves
}

// ProofInShort is a round without its paths.
type ProofInShort struct {
	Verdict string     `json:"verdict"` // proved, unproved, weakened, leaking
	Began   *time.Time `json:"began,omitempty"`
	Since   *time.Time `json:"since,omitempty"` // when an unbroken row of rounds that proved it began
	Next    *time.Time `json:"next,omitempty"`  // when the next round is due
	Seconds float64    `json:"seconds"`         // that it took
	CPU     float64    `json:"cpu_seconds"`     // that it cost of a processor
	Tried   int        `json:"tried"`           // paths
	Stopped int        `json:"stopped"`         // of these, where they should be
	Leaked  int        `json:"leaked"`
	Reasons []string   `json:"reasons"` // why it is not proved, worst first
}

// PathView is one way that a packet could take.
type PathView struct {
	ID       string   `json:"id"`
	As       string   `json:"as"`      // pinned, unpinned, spoofing, outside, box
	Text     string   `json:"text"`    // where to
	Outcome  string   `json:"outcome"` // stopped, other-layer, unseen, leaked
	Expected string   `json:"expected"`
	Seen     []string `json:"seen"`
	Leaks    []string `json:"leaks"` // where it came out
	Detail   string   `json:"detail,omitempty"`
}

// ControlView is a place where leaks are looked for, and whether it sees.
type ControlView struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	Seen bool   `json:"seen"`
}

func noProofs() *Problem {
	return &Problem{http.StatusNotFound, "there is no canary here", "nvr firewall status says what is read back"}
}

func (s *Server) getProof(w http.ResponseWriter, r *http.Request) {
	if s.opt.Proofs == nil {
		writeProblem(w, noProofs())
		return
	}
	writeJSON(w, s.opt.Proofs.Proof())
}

// postProof makes a round now. It changes nothing, and is in the audit all the
// same: who asked for evidence is part of it.
func (s *Server) postProof(w http.ResponseWriter, r *http.Request) {
	var v ProofView
	err := readNothing(r)
	if err == nil && s.opt.Proofs == nil {
		err = noProofs()
	}
	if err == nil {
		v = s.opt.Proofs.Prove(r.Context())
		err = s.note(r, entryOf(principal(r), "firewall.prove", "containment", v.Verdict))
	}
	answer[ProofView](s, w, r)(v, err)
}
