package ui

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
	"github.com/stockade-nvr/stockade/ui/live"
)

// Options wires the server to what it shows. Every field is needed but those
// that name a default. All functions are called from many goroutines at once,
// must not block longer than a read of memory or of an index takes, and return
// snapshots that nobody changes afterwards.
type Options struct {
	Log *slog.Logger // default: discard

	Site    func() SiteView
	Health  func() HealthView
	Devices func() []DeviceView
	Cameras func() []CameraView // in the order in which the wall shows them
	// Groups gives the groups of a camera. What passes is an id of the site file:
	// nothing else that a client wrote goes on as a path.
	Groups      func(camera string) (groups []string, known bool)
	Containment func() ContainmentView
	Proofs      Proofs // nil: there is no canary

	// Live subscribes a viewer to a stream (main or sub) of a camera. It
	// returns ErrNotFound when the site file has no such stream. A stream that
	// is down is no error: its reader says so.
	Live func(camera, stream string) (live.Reader, error)

	Footage   Footage
	Holds     Holds
	Attempts  Attempts
	Reviews   Reviews // needed with Accounts
	Enrolment Enrolment
	// Report makes the signed report of a period; needed where there are accounts. As
	// is empty for JSON, or the language of the page that is asked for.
	Report      func(ctx context.Context, from, to time.Time, as string) (Report, error)
	Inspections Inspections

	// ConfirmClock takes the recorder's clock as right after a step. Needed with Accounts.
	ConfirmClock func()

	// Accounts say who may ask for what. Nil: there are none, and everybody who
	// reaches the server may read everything. Then it serves loopback only.
	Accounts *auth.Accounts
	// Audit is where views of footage are written down, and read. Needed with Accounts.
	Audit *audit.Log
	SSO   SignOn // nil: no sign-on providers

	Tunnel Tunnel // to devices' own pages; zero: none. With Accounts only

	// For listeners off loopback: the certificate, and the hosts that are answered
	// for, with or without a port, asked at each request. Root gives the root that
	// people install, in PEM; nil, or an answer of nil, means that there is none of ours.
	TLS   *tls.Config
	Names func() []string
	Root  func() []byte

	// Now is the recorder's clock; default time.Now.
	Now func() time.Time
}

// SignOn sends people to sign-on providers and takes them back.
type SignOn interface {
	Providers() []ProviderView
	// Begin answers with a redirect to the provider. An error means that nothing
	// was answered.
	Begin(w http.ResponseWriter, r *http.Request, provider string) error
	// Finish says who came back. An error with a Subject means that the provider
	// vouches for them and that they have no role here.
	Finish(w http.ResponseWriter, r *http.Request, provider string) (auth.External, error)
}

// Footage is what is recorded. Camera and stream are checked by the caller:
// they are ids of the site file. Ranges are half-open.
type Footage interface {
	// Recordings lists the segments that touch the range, in order of time,
	// the one being written included.
	Recordings(ctx context.Context, camera, stream string, from, to time.Time) ([]RecordingView, error)
	// Gaps lists the gaps that touch the range, in order of time, the open one included.
	Gaps(ctx context.Context, camera, stream string, from, to time.Time) ([]GapView, error)
	// Play gives the footage of the range as one virtual MP4.
	// ErrNotFound says that there is none.
	Play(ctx context.Context, camera, stream string, from, to time.Time) (*Clip, error)
	// Frame gives a one-sample MP4 of the last random access picture at or before the instant.
	Frame(ctx context.Context, camera, stream string, at time.Time) (*Clip, error)
}

// Clip is an MP4 that can be read at any offset. The server closes it.
type Clip struct {
	Content  io.ReadSeekCloser
	ETag     string    // without quotes; empty when the content still grows
	Modified time.Time // zero when unknown

	// Start is the wall time of media time 0. Pieces say which wall time is shown
	// when, in order of media time; empty means that media time runs evenly from Start.
	Start  time.Time
	Pieces []ClipPiece
	// Next is where footage of another format follows, which cannot be in the same
	// clip; zero when nothing was left out.
	Next time.Time
}

// ClipPiece is a stretch of a clip without a break in wall time.
type ClipPiece struct {
	Media    time.Duration // media time at which it begins
	Start    time.Time     // wall time there
	Duration time.Duration
}

// Attempts is the journal of blocked packets.
type Attempts interface {
	// Page lists attempts by last sighting, newest first, those included that
	// subscribers were told of and that are not on the disk yet. ErrNotFound says
	// that there is no such camera or device.
	Page(ctx context.Context, f AttemptFilter) (AttemptPage, error)
	// Subscribe yields attempts as they are new or changed, at most about once a
	// second, until ctx ends; then, and when the subscriber was too slow to be
	// kept, the channel is closed.
	Subscribe(ctx context.Context) (<-chan []AttemptView, error)
	// Get gives one attempt with its evidence; ErrNotFound when there is none.
	Get(ctx context.Context, id string) (AttemptView, error)
	// Group counts attempts by camera, destination or reason.
	Group(ctx context.Context, f AttemptFilter, by string) (AttemptGroups, error)
}

// Reviews is who has looked at all attempts up to when.
type Reviews interface {
	// Reviewed tells what a user has looked at, and what came since; the user may
	// be nobody, id "".
	Reviewed(ctx context.Context, user string) (ReviewedView, error)
	// UpTo tells up to when a user has looked alone, which is quick; zero when they
	// never signed off.
	UpTo(ctx context.Context, user string) (time.Time, error)
	// Review signs off, forward only.
	Review(ctx context.Context, user, name string, upTo time.Time) error
}

// AttemptFilter selects attempts; empty fields select all.
type AttemptFilter struct {
	Device  string // id, also of one that is no longer in the site file; "-" for those of nobody's
	Camera  string // attempts of the camera's device
	Reason  string // as a view has it
	Where   string // in the language of docs/attempts.md
	Since   time.Time
	Chatter bool   // chatter too: else it is left out, unless Reason asks for it
	Cursor  string // AttemptPage.Next of the page before
	Limit   int    // 1 to 500
}

// AttemptPage is one page of attempts.
type AttemptPage struct {
	Attempts []AttemptView `json:"attempts"`
	Next     string        `json:"next,omitempty"` // cursor of the next page, empty on the last
	// Searched is how far back the page looked: it ends early where little matches.
	Searched *time.Time `json:"searched,omitempty"`
}

// AttemptGroup is what several attempts have in common, and their account.
type AttemptGroup struct {
	Value    string    `json:"value"`          // device, host or address, or reason; empty for those that have none, * for names that share an address, ** for the rest
	Name     string    `json:"name,omitempty"` // of the device's first camera
	Country  string    `json:"country,omitempty"`
	Attempts int       `json:"attempts"`
	Count    uint64    `json:"count"` // hits
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
}

// AttemptGroups are those of a part of the list, the largest first.
type AttemptGroups struct {
	Groups   []AttemptGroup `json:"groups"`
	Next     string         `json:"next,omitempty"` // cursor of the next part, whose groups are to be added; empty on the last
	Searched *time.Time     `json:"searched,omitempty"`
}

// ReviewedView is what a user has looked at, and what the others have.
type ReviewedView struct {
	UpTo       *time.Time   `json:"up_to,omitempty"` // the user's own; none when they never signed off
	Unreviewed int          `json:"unreviewed"`      // attempts that began since, chatter apart
	More       bool         `json:"more"`            // ... and more than that
	Reviews    []ReviewView `json:"reviews"`         // everybody's, the latest first
}

// ReviewView is one user's sign-off.
type ReviewView struct {
	User string    `json:"user"`
	Name string    `json:"name"`
	UpTo time.Time `json:"up_to"`
	At   time.Time `json:"at"`
}
