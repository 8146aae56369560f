package outputs

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
)

// severity is syslog's (RFC 5424 §6.2.1).
type severity int

const (
	alert         severity = 1
	warning       severity = 4
	notice        severity = 5
	informational severity = 6
)

// event is what one message says: an attempt, a question, or something in words.
type event struct {
	at       time.Time
	severity severity
	attempt  *journal.Attempt
	source   uint16 // the attempt's source port, of its first packet; 0: unknown
	question *journal.Question

	kind  string // containment, change or alarm
	state string
	text  string
}

// maxText bounds what an event says in words.
const maxText = 1024 // bytes

// watcher turns how containment stands into what changed.
type watcher struct {
	seen   bool
	state  string
	alarms []string
	newest time.Time // of the changes told
}

// see says what is new. The first look tells the state, and nothing of before.
func (w *watcher) see(now time.Time, s Situation) (events []event) {
	if !w.seen || s.State != w.state {
		level := notice
		if s.State != "contained" && s.State != "enforced" {
			level = alert
		}
		events = append(events, event{at: now, severity: level, kind: "containment", state: s.State, text: brief(strings.Join(s.Reasons, "; "))})
	}
	for _, a := range s.Alarms {
		if !slices.Contains(w.alarms, a) {
			events = append(events, event{at: now, severity: alert, kind: "alarm", state: s.State, text: brief(a)})
		}
	}
	for _, a := range w.alarms {
		if !slices.Contains(s.Alarms, a) {
			events = append(events, event{at: now, severity: notice, kind: "alarm-over", state: s.State, text: brief(a)})
		}
	}
	newest := w.newest
	for _, c := range slices.Backward(s.Changes) {
		if !c.First.After(w.newest) {
			continue
		}
		if c.First.After(newest) {
			newest = c.First
		}
		if w.seen {
			events = append(events, event{at: c.First, severity: warning, kind: "change", state: s.State, text: brief(c.Layer + ": " + c.Found + ": " + c.Done)})
		}
	}
	w.seen, w.state, w.alarms, w.newest = true, s.State, slices.Clone(s.Alarms), newest
	return events
}

// brief cuts a text, at the end of a letter.
func brief(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

// sourcePort reads the source port of a packet whose beginning is given, from the
// IP header on. 0: it has none, or it cannot be read.
func sourcePort(packet []byte) uint16 {
	if len(packet) < 20 {
		return 0
	}
	var protocol byte
	var header int
	switch packet[0] >> 4 {
	case 4:
		header, protocol = int(packet[0]&15)*4, packet[9]
		if header < 20 || binary.BigEndian.Uint16(packet[6:])&0x1fff != 0 { // a later fragment has no ports
			return 0
		}
	case 6:
		header, protocol = 40, packet[6]
	default:
		return 0
	}
	if protocol != tcp && protocol != udp && protocol != sctp || len(packet) < header+4 {
		return 0
	}
	return binary.BigEndian.Uint16(packet[header:])
}
