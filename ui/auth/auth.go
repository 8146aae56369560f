package auth

import (
	"log/slog"
	"net/netip"
	"time"

	"go.etcd.io/bbolt"
)

// Options of Accounts. DB is needed; the rest has defaults.
type Options struct {
	DB  *bbolt.DB // open for as long as the Accounts are used; ours is the bucket "auth"
	Log *slog.Logger
	Now func() time.Time // default time.Now

	// Policy is what the site file asks for. It is read at each use, from many
	// goroutines. Default: the zero Policy.
	Policy func() Policy
	// Audit writes an event down in the transaction of the change it tells of: if
	// it fails, the change does not happen. Nil only in tests: nothing is audited.
	Audit func(*bbolt.Tx, Event) error
}

// Policy is what the site asks of accounts.
type Policy struct {
	SecondFactor map[Role]bool // roles that must have a TOTP code or a passkey

	// A session ends when it is not used for Idle, default 8 h, and in any case
	// after Max, default 24 h. Those of admins and auditors end after 30 minutes
	// without use, if Idle is not less. An open stream is use.
	Idle, Max time.Duration

	TwoPersons    bool          // adding an admin needs a second admin
	ConfirmWithin time.Duration // default 15 minutes

	// WebAuthn: the name under which the page is opened, without port, and the
	// origins. No passkeys while RPID is empty or an IP address.
	RPID     string
	Origins  []string
	SiteName string
}

// Defaults and fixed bounds of the policy.
const (
	defaultIdle    = 8 * time.Hour
	defaultMax     = 24 * time.Hour
	readerIdle     = 30 * time.Minute // of those who can read everything
	partialLife    = 15 * time.Minute // to meet what is still needed
	defaultConfirm = 15 * time.Minute
)

// Source is where a request came from.
type Source struct {
	IP    netip.Addr
	Agent string // as the client says
}

// Event is something to be audited. It has no secret in it.
type Event struct {
	Time           time.Time
	Actor, ActorID string // name and id of who did it; the name that was tried, of a sign-in
	Via            string // session:ID, token:ID, box, or nothing
	Source         string // address
	Action, Object string
	Before, After  any    // User, Token and the like; nil where there is none
	Outcome        string // ok or refused
	Detail         string
}

// External is who a sign-on provider says somebody is, mapped to what the site
// gives them.
type External struct {
	Provider string // id of the provider in the site file
	Subject  string // the provider's lasting id of the person
	Name     string
	Display  string
	Grant
	MultiFactor bool // the provider says that it asked for a second factor
}

// Confirmation is something that waits for a second admin.
type Confirmation struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Object  string    `json:"object"`
	Detail  string    `json:"detail"`
	By      string    `json:"by"` // name of who asked
	ByID    string    `json:"by_id"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}
