package auth

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
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
	// Damaged is told when the database turns out to be damaged, each time.
	Damaged func(error) // default: nothing
}

// Policy is what the site asks of accounts.
type Policy struct {
	SecondFactor map[Role]bool // roles that must have a TOTP code or a passkey

	// A session ends when it is not used for Idle, default 8 h, and in any case
	// after Max, default 24 h. Those of admins and auditors end after 30 minutes
	// without use, if Idle is not less. Use is what a person does; to an operator or
	// viewer also watching live pictures ([Accounts.Watching]). No other open stream
	// is, and nothing that a page asks by itself ([Source].Unattended).
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
	IP      netip.Addr
	Agent   string // as the client says
	Devices string // what the browser keeps of Remember: secret
	Local   bool   // the box itself, as the kernel says

	// Unattended says that nobody is known to be at the browser: a page goes on asking
	// when its reader has left. Such a request is no use of the session.
	Unattended bool
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

// Outcomes of events.
const (
	outcomeOK      = "ok"
	outcomeRefused = "refused"
)

// Accounts is the accounts of one database. It is made by Open; there is nothing
// to close but the database.
type Accounts struct {
	opt        Options
	db         *bbolt.DB
	hashes     *hasher
	lockout    *lockout
	refusals   *refusals
	signIns    Pace
	ceremonies *ceremonies
	changes    changes
	hasAdmin   atomic.Bool             // once there is an admin, there always is
	mapping    atomic.Pointer[Mapping] // of sign-on providers, nil until Remap

	mu        sync.Mutex
	setupCode hashed // of the code that SetupCode gave last, zero when none; guarded by mu
}

// Open prepares the database and removes what has expired. It panics without a
// database: that is our own bug.
func Open(opt Options) (*Accounts, error) {
	if opt.DB == nil {
		panic("auth: no database")
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Damaged == nil {
		opt.Damaged = func(error) {}
	}
	if opt.Policy == nil {
		opt.Policy = func() Policy { return Policy{} }
	}
	a := &Accounts{
		opt: opt, db: opt.DB, hashes: newHasher(usualCost()), lockout: newLockout(), refusals: newRefusals(), signIns: Pace{Burst: signInBurst, Every: signInEvery},
		ceremonies: newCeremonies(),
	}
	if err := prepare(a.db); err != nil {
		return nil, fmt.Errorf("open accounts: %w", err)
	}
	err := a.update(func(t *tx) error {
		return errors.Join(t.loadFailures(), t.sweepSessions(), t.sweepTokens(), t.sweepConfirmations())
	})
	if err != nil {
		return nil, fmt.Errorf("open accounts: %w", err)
	}
	return a, nil
}

func (a *Accounts) now() time.Time { return a.opt.Now().UTC().Round(0) }

// policy is what the site asks, with the defaults.
func (a *Accounts) policy() Policy {
	p := a.opt.Policy()
	if p.Idle <= 0 {
		p.Idle = defaultIdle
	}
	if p.Max <= 0 {
		p.Max = defaultMax
	}
	if p.ConfirmWithin <= 0 {
		p.ConfirmWithin = defaultConfirm
	}
	return p
}

// event begins an event of what the principal does.
func (p Principal) event(action, object string) Event {
	return Event{
		Actor: p.Name(), ActorID: p.User.ID, Via: p.Via(), Source: p.from.address(),
		Action: action, Object: object,
	}
}

func (from Source) address() string {
	if !from.IP.IsValid() {
		return ""
	}
	return from.IP.Unmap().String()
}

// agent is what the client says it is, bounded and without what cannot be printed.
func (from Source) agent() string {
	return bounded(from.Agent, 200)
}
