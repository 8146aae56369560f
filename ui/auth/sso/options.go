package sso

import (
	"log/slog"
	"time"
)

// Options of single sign-on.
type Options struct {
	Providers []Provider

	// Hosts tells whether a Host header, port and all, is one that people use:
	// only such a host is named to a provider as the place to come back to.
	Hosts func(host string) bool
	// Path is what stands before PROVIDER/callback in the URL to come back to,
	// such as /api/v1/sso/.
	Path string

	Log *slog.Logger     // default: discard
	Now func() time.Time // the recorder's clock; default time.Now
}

// Provider is one that people may sign in with.
type Provider struct {
	ID          string // part of URLs
	Name        string // as the button says it
	Issuer      string // URL, as the provider writes it
	ClientID    string
	Secret      string      // of the client; empty: a public one. Never logged
	GroupsClaim string      // dots lead into objects; default groups
	Authorities []byte      // PEM; nil: those of the system
	Roles       []GroupRole // the first whose group an account has counts
}

// GroupRole is what members of a group get.
type GroupRole struct {
	Group string
	Grant Grant
}

// Grant is a role and what it is for.
type Grant struct {
	Role         string
	Rights       []string
	All          bool // all cameras; else Cameras and those of CameraGroups
	Cameras      []string
	CameraGroups []string
}

// Button is what the sign-in page shows of a provider.
type Button struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Identity is who signed in. Provider and Subject name the account for good;
// the rest may be another the next time.
type Identity struct {
	Provider string // its ID
	Issuer   string
	Subject  string
	Name     string // what the account is called there; the subject if it has no name
	Display  string // the person's name
	Group    string // the one that gave the role
	Grant    Grant
}

// Refusal is an error that a person may read, with a fix. What is wrapped around
// it is for the log.
type Refusal struct{ Message, Fix string }

// Error gives the message.
func (r *Refusal) Error() string { return r.Message }

// Why somebody was not signed in. All are normal, but ErrForeign and ErrToken
// say that the provider is not what the site file takes it for.
var (
	ErrUnknownProvider = &Refusal{"there is no such sign-in provider", "go back to the sign-in page"}
	ErrHost            = &Refusal{"this server does not answer for that host name", "open it by a name of listen.names in the site file"}
	ErrUnavailable     = &Refusal{"the sign-in provider does not answer", "try again in a minute, or sign in with a password"}
	ErrForeign         = &Refusal{"the sign-in provider sends the recorder to another host", "let the provider serve all of its endpoints at the issuer's host: the recorder talks to no other"}
	ErrStale           = &Refusal{"this sign-in was begun too long ago or in another browser, or was used already", "begin again on the sign-in page"}
	ErrDenied          = &Refusal{"the sign-in provider refused", "begin again; if it stays so, let an admin see the recorder's log"}
	ErrToken           = &Refusal{"what the sign-in provider sent cannot be believed", "see that the clocks of recorder and provider are right, then the recorder's log"}
	ErrNoRole          = &Refusal{"this account may not use the recorder: none of its groups has a role here", "ask an admin to add a group of yours to accounts.sso in the site file"}
)

const (
	// flowLife is how long a sign-in may take.
	flowLife = 10 * time.Minute
	// skew is how far the clocks of recorder and provider may be apart.
	skew = 2 * time.Minute
	// patience is how long a provider has to answer one request.
	patience = 10 * time.Second
	// askAgain is how long a provider that did not answer is left alone.
	askAgain = 5 * time.Second
	// freshFor is how long a discovery document is good for.
	freshFor = time.Hour
)
