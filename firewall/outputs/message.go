package outputs

import (
	"strconv"
	"strings"
	"time"
)

// facility is local0 (RFC 5424 §6.2.1).
const facility = 16

// syslogTime is RFC 5424's TIMESTAMP: at most six digits of a second.
const syslogTime = "2006-01-02T15:04:05.000000Z07:00"

// kindName is MSGID and what CEF calls the event.
func (e event) kindName() string {
	switch {
	case e.attempt != nil:
		return "attempt"
	case e.question != nil:
		return "question"
	default:
		return e.kind
	}
}

// frame makes an event a message of RFC 5424 without structured data, with its
// length before it (octet counting, RFC 6587 §3.4.1): no byte of what it says can
// end it.
func (e event) frame(host, version string, f Format) []byte {
	var text string
	if f == CEF {
		text = e.cef(version)
	} else {
		text = e.zeek()
	}
	var b strings.Builder
	b.Grow(128 + len(text))
	b.WriteByte('<')
	b.WriteString(strconv.Itoa(facility*8 + int(e.severity)))
	b.WriteString(">1 ")
	b.WriteString(e.at.UTC().Format(syslogTime))
	b.WriteByte(' ')
	b.WriteString(headerField(host, 255))
	b.WriteString(" nvr - ")
	b.WriteString(headerField(e.kindName(), 32))
	b.WriteString(" - ")
	b.WriteString(text)
	return append(append(strconv.AppendInt(nil, int64(b.Len()), 10), ' '), b.String()...)
}

// headerField is PRINTUSASCII of at most so many bytes, or the nil value.
func headerField(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < 33 || r > 126 {
			return '_'
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}

// attemptSeverity is that of an attempt: what only a manipulated network does is worse.
func attemptSeverity(reason string) severity {
	switch reason {
	case "spoof", "unknown-device", "lateral":
		return warning
	default:
		return notice
	}
}

// seconds is a time as Zeek writes it.
func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
