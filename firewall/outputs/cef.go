package outputs

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// cef is the event in ArcSight's Common Event Format, version 0 (Implementing
// ArcSight CEF, revision 25): a header of seven fields, then keys of its
// dictionary. What a device chose is escaped, so that it stays in its field.
func (e event) cef(version string) string {
	var b strings.Builder
	name := map[string]string{
		"attempt": "Device's packets blocked", "question": "Device asked for a name",
		"containment": "Containment is " + e.state, "change": "Rules were changed from outside",
		"alarm": "Alarm", "alarm-over": "Alarm is over",
	}[e.kindName()]
	id := e.kindName()
	if e.attempt != nil && action(e.attempt) != "blocked" {
		name = "Device's question answered here"
	}
	if e.attempt != nil {
		id += ":" + string(e.attempt.Reason)
	}
	fmt.Fprintf(&b, "CEF:0|Stockade|nvr|%s|%s|%s|%d|", cefHeader(version), cefHeader(id), cefHeader(name), e.cefSeverity())
	first := true
	put := func(key, value string) {
		if value == "" {
			return
		}
		if !first {
			b.WriteByte(' ')
		}
		first = false
		b.WriteString(key + "=" + cefValue(value))
	}
	put("rt", millis(e.at))
	switch {
	case e.attempt != nil:
		e.cefAttempt(put)
	case e.question != nil:
		q := e.question
		put("start", millis(q.First))
		put("end", millis(q.Last))
		put("cnt", strconv.FormatUint(q.Count, 10))
		put("src", address(q.Asker))
		put("app", "dns")
		put("request", q.Name)
		label(put, 2, "device", q.Device)
		label(put, 5, "type", typeName(q.Type))
	default:
		put("msg", e.text)
		label(put, 4, "containment", e.state)
	}
	return b.String()
}

func (e event) cefAttempt(put func(key, value string)) {
	a := e.attempt
	put("start", millis(a.First))
	put("end", millis(a.Last))
	put("cnt", strconv.FormatUint(a.Count, 10))
	put("act", action(a))
	put("cat", string(a.Reason))
	put("externalId", a.ID)
	put("proto", a.ProtocolName)
	put("src", address(a.Source))
	put("smac", hardware(a.MAC))
	put("dst", address(a.Destination))
	if a.Destination.IsValid() && portful(a.Protocol) {
		if e.source != 0 {
			put("spt", strconv.Itoa(int(e.source)))
		}
		put("dpt", strconv.Itoa(int(a.DestinationPort)))
	}
	if !a.Destination.IsValid() {
		put("dmac", hardware(a.DestinationMAC))
	}
	put("dhost", a.Host)
	put("deviceInboundInterface", a.Port)
	if a.Folded > 0 { // a scan, ever new sources, or what found no row of its own
		put("cn1", strconv.FormatUint(a.Folded, 10))
		put("cn1Label", "attempts")
		label(put, 5, "stands for", map[bool]string{true: "scan", false: "rest"}[a.Scan])
	}
	label(put, 1, "rule", a.Rule)
	label(put, 2, "device", a.Device)
	label(put, 3, "layer", a.Layer)
	label(put, 6, "communityId", e.communityID())
}

// label puts one of CEF's six strings that the sender names.
func label(put func(key, value string), n int, name, value string) {
	if value == "" {
		return
	}
	key := "cs" + strconv.Itoa(n)
	put(key, value)
	put(key+"Label", name)
}

// cefSeverity is CEF's, 0 to 10.
func (e event) cefSeverity() int {
	switch e.severity {
	case alert:
		return 9
	case warning:
		return 6
	case notice:
		return 4
	default:
		return 2
	}
}

// cefHeader escapes a field of the header: it has no line feed at all.
func cefHeader(s string) string {
	return strings.NewReplacer(`\`, `\\`, `|`, `\|`).Replace(plain(s))
}

// cefValue escapes a value.
func cefValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, `=`, `\=`).Replace(plain(s))
}

// plain has no control character, no separator of lines and nothing that is not
// UTF-8: each becomes a question mark.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfffd {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func hardware(m nflog.MAC) string {
	if m.IsZero() {
		return ""
	}
	return m.String()
}

func portful(protocol uint8) bool { return protocol == tcp || protocol == udp || protocol == sctp }
