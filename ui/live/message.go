package live

import "time"

// The text messages; see the package's description.

type formatMessage struct {
	Type   string `json:"type"`
	Mime   string `json:"mime"`
	Codec  string `json:"codec"`
	Codecs string `json:"codecs"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Serial int    `json:"serial"`
	Now    string `json:"now"`
}

type stateMessage struct {
	Type   string `json:"type"`
	State  string `json:"state"`
	Cause  string `json:"cause"`
	Detail string `json:"detail"`
}

type skipMessage struct {
	Type  string `json:"type"`
	Units int    `json:"units"`
}

type clockMessage struct {
	Type    string   `json:"type"`
	Now     string   `json:"now"`
	Media   *float64 `json:"media,omitempty"` // seconds
	Capture string   `json:"capture,omitempty"`
}

// stamp writes a time as the API does.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
