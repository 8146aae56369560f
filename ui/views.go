package ui

import "time"

// SiteView is the site as the page's head shows it.
type SiteView struct {
	Name     string    `json:"name"`
	Zone     string    `json:"zone"`     // IANA name: the page shows every time in it
	Language string    `json:"language"` // BCP 47, as the site file says: the page's default
	Version  string    `json:"version"`
	Revision string    `json:"revision"` // of the site file
	Started  time.Time `json:"started"`
	Demo     bool      `json:"demo"` // simulated cameras: said on the page
	// TwoPersons says that what cannot be undone needs a second admin.
	TwoPersons bool `json:"two_persons"`
}

// Health states, also of a check.
const (
	HealthOK   = "ok"
	HealthWarn = "warn"
	HealthBad  = "bad"
)

// HealthView says what is wrong, why it matters and what to do. The worst
// check's state is State.
type HealthView struct {
	State  string        `json:"state"` // ok, warn, bad
	Checks []HealthCheck `json:"checks"`
}

// HealthCheck is one thing that can be wrong.
type HealthCheck struct {
	Name   string `json:"name"` // for example storage, clock, containment
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
	Fix    string `json:"fix,omitempty"`
}

// DeviceView is a pinned device.
type DeviceView struct {
	ID      string   `json:"id"`
	IP      string   `json:"ip"`
	MAC     string   `json:"mac"`
	Maker   string   `json:"maker,omitempty"` // as the site file declares
	Model   string   `json:"model,omitempty"`
	Country string   `json:"country,omitempty"`
	Cameras []string `json:"cameras"`

	MACMaker    string     `json:"mac_maker,omitempty"` // whom the MAC was given to
	MACLocal    bool       `json:"mac_local,omitempty"` // the MAC was made up
	Port        string     `json:"port,omitempty"`      // of the bridge, where it was seen last
	Bound       string     `json:"bound,omitempty"`     // the port that it is bound to
	Seen        *time.Time `json:"seen,omitempty"`
	Blocked     uint64     `json:"blocked"` // packets, multicast and the like left out
	BlockedLast *time.Time `json:"blocked_last,omitempty"`

	DHCP      *FingerprintView `json:"dhcp,omitempty"`      // what it told DHCP
	Inspected *InspectedView   `json:"inspected,omitempty"` // last; nil: not yet
}

// CameraView is one camera with its streams, main first.
type CameraView struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Device  string       `json:"device"`
	Groups  []string     `json:"groups"` // that users are given together
	Streams []StreamView `json:"streams"`
}

// Stream states.
const (
	StreamStarting = "starting" // not delivering yet, first try
	StreamLive     = "live"     // access units arrive
	StreamDown     = "down"     // Cause and Detail say why; reconnecting by itself
)

// StreamView is a stream's state.
type StreamView struct {
	Stream    string     `json:"stream"` // main or sub
	State     string     `json:"state"`
	Cause     string     `json:"cause,omitempty"`     // streams.Cause when not live
	Detail    string     `json:"detail,omitempty"`    // in words
	Since     *time.Time `json:"since,omitempty"`     // of State
	Codec     string     `json:"codec,omitempty"`     // H.264, H.265
	Codecs    string     `json:"codecs,omitempty"`    // RFC 6381, for MediaSource.isTypeSupported
	Audio     string     `json:"audio,omitempty"`     // AAC
	Transport string     `json:"transport,omitempty"` // TCP, UDP
	Width     int        `json:"width,omitempty"`
	Height    int        `json:"height,omitempty"`
	Bitrate   int64      `json:"bitrate"` // bit/s over the last seconds
	FPS       float64    `json:"fps,omitempty"`
	Lost      uint64     `json:"lost"` // RTP packets missing, this run
	Viewers   int        `json:"viewers"`

	Recording   RecordState `json:"recording"`
	Reason      string      `json:"reason,omitempty"`       // storage.Reason of the open gap when Recording is waiting or failed
	LastFootage *time.Time  `json:"last_footage,omitempty"` // end of the newest recorded part
}

// RecordState says whether a stream is being recorded.
type RecordState string

// The states of recording.
const (
	RecordOff     RecordState = "off"       // the site file does not ask for it
	RecordOn      RecordState = "recording" // footage reaches the disk
	RecordWaiting RecordState = "waiting"   // asked for, but the stream delivers nothing
	RecordFailed  RecordState = "failed"    // footage arrives and does not reach the disk
)

// RecordingView is one segment.
type RecordingView struct {
	Run   string    `json:"run"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Bytes int64     `json:"bytes"`
	State string    `json:"state"` // open, sealed, recovered
	Path  string    `json:"path,omitempty"`
}

// GapView is a stretch without footage; To is nil while it is open.
type GapView struct {
	From   time.Time  `json:"from"`
	To     *time.Time `json:"to,omitempty"`
	Reason string     `json:"reason"`
	Detail string     `json:"detail,omitempty"`
}

// AttemptView is one attempt.
type AttemptView struct {
	ID       string     `json:"id"`
	Device   string     `json:"device,omitempty"`    // empty for a device that is not in the site file
	Camera   string     `json:"camera,omitempty"`    // name of the device's first camera, as it was then
	MAC      string     `json:"mac"`                 // of the source; empty in an overflow row
	Source   string     `json:"source"`              // address; empty in an overflow row
	Family   int        `json:"family"`              // 4, 6, or 0 when not IP
	Protocol string     `json:"protocol"`            // TCP, UDP, ICMP, ..., or the ethertype; OTHER in an overflow row
	Address  string     `json:"address"`             // destination; empty in an overflow row
	Port     int        `json:"port,omitempty"`      // destination port of TCP, UDP
	ICMPType int        `json:"icmp_type"`           // of ICMP and ICMPv6, else -1
	Host     string     `json:"host,omitempty"`      // name that the camera asked for before
	Service  string     `json:"service,omitempty"`   // what the port is usually for
	Reason   string     `json:"reason"`              // egress, spoof, unknown-device, lateral, input, output, chatter, redirected
	Layer    string     `json:"layer"`               // that dropped it last, L1 ... L5
	Rule     string     `json:"rule"`                // id of that rule
	Revision string     `json:"revision"`            // generation and policy revision at that time
	Ingress  string     `json:"ingress,omitempty"`   // bridge port it came in by
	Count    uint64     `json:"count"`               // hits
	First    time.Time  `json:"first"`               // sighting
	Last     time.Time  `json:"last"`                // sighting
	New      bool       `json:"new"`                 // at a destination that the device had never tried, and first seen within the last day
	Bytes    uint64     `json:"bytes,omitempty"`     // on the wire, all hits
	Overflow bool       `json:"overflow,omitempty"`  // one row for all of a device that found no row of its own
	Scan     bool       `json:"scan,omitempty"`      // of one source that tried ever new destinations: one row for all of those
	Many     bool       `json:"many,omitempty"`      // of ever new sources to one destination: one row for all of those
	Folded   uint64     `json:"folded,omitempty"`    // attempts that such a row stands for
	Into     string     `json:"into,omitempty"`      // id of the row that this one was folded into: it is no more
	Country  string     `json:"country,omitempty"`   // of the destination, two letters; empty when nobody knows
	Network  string     `json:"network,omitempty"`   // whose it was at the first hit, such as AS64500 Example Cloud
	Cloud    *CloudView `json:"cloud,omitempty"`     // which camera maker's service it is; nil when the table knows none
	Said     []SaidView `json:"said,omitempty"`      // names in what was blocked, the first of each
	SaidMore bool       `json:"said_more,omitempty"` // there were more
	Tags     []string   `json:"tags,omitempty"`      // new, odd, beacon, scan, many, names, changed: see docs/attempts.md
	Period   float64    `json:"period,omitempty"`    // of a beacon, seconds
	Jitter   float64    `json:"jitter,omitempty"`    // ... and how much it varies, seconds
	Evidence []byte     `json:"evidence,omitempty"`  // beginning of the first packet, from the IP header on; base64 in JSON
	Times    []TimeView `json:"times,omitempty"`     // when its packets came, the oldest first; only where one attempt is asked for
	Earlier  uint64     `json:"earlier,omitempty"`   // packets before those times
}

// TimeView is how many packets came within a stretch of time.
type TimeView struct {
	Start time.Time `json:"start"`
	Width int       `json:"width"` // seconds
	Count uint64    `json:"count"`
}

// ContainmentView is the firewall's own account. See firewall.Status.
type ContainmentView struct {
	State      string      `json:"state"`   // contained, enforced, degraded, not-enforced, observing, disarmed
	Reasons    []string    `json:"reasons"` // in words, worst first
	Notes      []string    `json:"notes"`   // what stands beside the rules and does not weaken them, with what to do
	Since      time.Time   `json:"since"`
	Checked    time.Time   `json:"checked"` // last complete read-back
	Revision   string      `json:"revision"`
	Generation int         `json:"generation"`
	Backend    string      `json:"backend,omitempty"`
	Layers     []LayerView `json:"layers"`
	Counted    CountedView `json:"counted"`
	Drift      []DriftView `json:"drift"` // what others changed lately, the newest first

	Proof    *ProofInShort `json:"proof,omitempty"`    // the canary's last round
	Unproved string        `json:"unproved,omitempty"` // why what is enforced is not contained, in words

	Findings []FindingView `json:"findings"` // about the network around, worst first
	Unseen   []string      `json:"unseen"`   // ways out that nothing here can see, in words
}

// DriftView is one difference between the policy and the kernel that others made (C10).
type DriftView struct {
	ID    uint64    `json:"id"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Layer string    `json:"layer"`
	Found string    `json:"found"` // in English: the foreign line, flag or setting, and what it should be
	Done  string    `json:"done"`  // repaired, gone, or stands
	Count int       `json:"count"`
}

// FindingView is something that containment depends on and no rule can change.
type FindingView struct {
	Kind    string    `json:"kind"`    // other-gateway, second-way, routed, asks-gateway, other-dhcp, radio, switch-local
	Level   string    `json:"level"`   // not-enforced, warning, note
	Current bool      `json:"current"` // seen of late: it says how things are
	Device  string    `json:"device,omitempty"`
	MAC     string    `json:"mac,omitempty"`
	Address string    `json:"address,omitempty"`
	Port    string    `json:"port,omitempty"` // or interface
	Other   string    `json:"other,omitempty"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Count   uint64    `json:"count,omitempty"`
	Text    string    `json:"text"` // in words
	Fix     string    `json:"fix"`
}

// LayerView is one of L0 to L6.
type LayerView struct {
	Layer      string     `json:"layer"`
	Name       string     `json:"name"`
	Holds      bool       `json:"holds"`
	Detail     string     `json:"detail,omitempty"`
	Repaired   int        `json:"repaired"`
	RepairedAt *time.Time `json:"repaired_at,omitempty"`
}

// CountedView is the account of blocked packets (C11): dropped = read + lost + suppressed + unread.
type CountedView struct {
	Dropped    uint64 `json:"dropped"`
	Read       uint64 `json:"read"`
	Lost       uint64 `json:"lost"`
	Suppressed uint64 `json:"suppressed"`
	Unread     uint64 `json:"unread"` // while nobody read the kernel's log
	Canary     uint64 `json:"canary"` // of read, the canary's own
}

// CloudView says which service a destination is, and how that was told.
type CloudView struct {
	Service string `json:"service"`
	Owner   string `json:"owner,omitempty"` // who runs it; empty where many do
	By      string `json:"by"`              // name, address, port: from the strongest sign to the weakest
	Match   string `json:"match"`           // row of the built-in table, such as hik-connect.com, udp/32100
	Source  string `json:"source"`          // URL of who says so
	Seen    string `json:"seen"`            // day on which that was looked at
}

// SaidView is a name that a blocked packet said.
type SaidView struct {
	By     string `json:"by"`               // dns, tls, quic, http
	Name   string `json:"name"`             // empty where a request had no Host
	Detail string `json:"detail,omitempty"` // request line, or type of the question
}
