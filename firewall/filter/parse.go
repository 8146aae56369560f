package filter

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a filter.
const (
	maxBytes = 1024
	maxTerms = 32
)

// Error says what is wrong with a filter, where, and what to write instead.
type Error struct {
	Column int // of the first character that is wrong, from 1, in characters
	What   string
	Fix    string
}

// Error gives the place and what is wrong there.
func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.What) }

// word is a piece of the text: its place in bytes, and whether it was quoted.
type word struct {
	at     int
	not    bool
	field  string
	colon  int // place of the value
	value  string
	quoted bool
}

// Parse reads a filter. Times such as since:24h are counted back from now. The
// error is an *Error.
func Parse(text string, now time.Time) (*Filter, error) {
	p := parser{text: text, now: now, f: &Filter{}}
	if len(text) > maxBytes {
		return nil, &Error{1, "the filter is too long", fmt.Sprintf("at most %d bytes", maxBytes)}
	}
	if !utf8.ValidString(text) {
		return nil, &Error{1, "the filter is not UTF-8", "write it as UTF-8"}
	}
	for {
		w, ok, err := p.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return p.f, nil
		}
		if err := p.take(w); err != nil {
			return nil, err
		}
	}
}

type parser struct {
	text string
	at   int
	now  time.Time
	f    *Filter
}

// wrong makes an error at a byte of the text.
func (p *parser) wrong(at int, what, fix string) error {
	return &Error{utf8.RuneCountInString(p.text[:min(at, len(p.text))]) + 1, what, fix}
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// next cuts the next word off.
func (p *parser) next() (w word, ok bool, err error) {
	for p.at < len(p.text) && isSpace(p.text[p.at]) {
		p.at++
	}
	if p.at == len(p.text) {
		return w, false, nil
	}
	w.at = p.at
	if p.text[p.at] == '-' {
		w.not = true
		p.at++
	}
	begin := p.at
	for p.at < len(p.text) && !isSpace(p.text[p.at]) && p.text[p.at] != '"' {
		p.at++
	}
	bare := p.text[begin:p.at]
	w.field, w.value, w.colon = "", bare, begin
	if name, value, has := strings.Cut(bare, ":"); has && isName(name) && !isAddress(bare) {
		w.field, w.value, w.colon = name, value, begin+len(name)+1
	}
	if p.at < len(p.text) && p.text[p.at] == '"' {
		if w.value != "" {
			return w, false, p.wrong(p.at, "a quote stands within a word", `put the whole value in quotes, as in rule:"raw egress"`)
		}
		end := strings.IndexByte(p.text[p.at+1:], '"')
		if end < 0 {
			return w, false, p.wrong(p.at, "the quote is not closed", `write a " at its end`)
		}
		w.value, w.quoted = p.text[p.at+1:p.at+1+end], true
		p.at += end + 2
		if p.at < len(p.text) && !isSpace(p.text[p.at]) {
			return w, false, p.wrong(p.at, "no space after the quote", "put a space between words")
		}
	}
	return w, true, nil
}

func isName(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz") == ""
}

// isAddress tells an address, which has colons too, from a field.
func isAddress(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	_, err := net.ParseMAC(s)
	return err == nil
}

// take makes a word part of the filter.
func (p *parser) take(w word) error {
	if len(p.f.terms) == maxTerms {
		return p.wrong(w.at, "there are too many words", fmt.Sprintf("at most %d", maxTerms))
	}
	if w.field == "" {
		if w.value == "" {
			return p.wrong(w.at, "a word is empty", "write what to leave out behind the minus, or take it away")
		}
		p.f.terms = append(p.f.terms, Term{Value: strings.ToLower(w.value), Not: w.not})
		return nil
	}
	field := Field(strings.ToLower(w.field))
	if !slices.Contains(Fields(), field) {
		return p.wrong(w.at, fmt.Sprintf("there is no field %q", w.field), "fields are "+listed(Fields())+`; put text that has a colon in quotes`)
	}
	if w.value == "" {
		return p.wrong(w.colon, fmt.Sprintf("%s has no value", field), "write one right behind the colon, as in "+example(field))
	}
	if field == Since || field == Until {
		return p.takeTime(field, w)
	}
	t := Term{Field: field, Value: strings.ToLower(w.value), Not: w.not}
	if err := p.check(&t, w); err != nil {
		return err
	}
	p.f.terms = append(p.f.terms, t)
	return nil
}

// check holds a value against what its field can have.
func (p *parser) check(t *Term, w word) error {
	none := t.Value == Nobody
	switch t.Field {
	case Host, Said:
		if rest := strings.TrimPrefix(t.Value, "*."); t.Value != "*" && (strings.Contains(rest, "*") || rest == "") {
			return p.wrong(w.colon, "an asterisk stands only in front of a host's domain", "write "+string(t.Field)+":*.example for all below example")
		}
	case Address, Source:
		prefix, err := netip.ParsePrefix(t.Value)
		if a, addrErr := netip.ParseAddr(t.Value); addrErr == nil {
			prefix, err = netip.PrefixFrom(a.WithZone(""), a.BitLen()), nil
		}
		if err != nil && !none {
			return p.wrong(w.colon, fmt.Sprintf("%q is no address", w.value), "write an address or a network, as in "+example(t.Field)+"; without the field it may be part of one")
		}
		t.net = prefix.Masked()
		if err == nil && prefix.IsSingleIP() {
			t.Value = prefix.Addr().String()
		}
	case Port:
		n, err := strconv.ParseUint(t.Value, 10, 16)
		if err != nil || n == 0 {
			return p.wrong(w.colon, fmt.Sprintf("%q is no port", w.value), "write a number from 1 to 65535")
		}
		t.Value = strconv.FormatUint(n, 10)
	case Country:
		if t.Value = strings.ToUpper(t.Value); !none && (len(t.Value) != 2 || !isName(t.Value)) {
			return p.wrong(w.colon, fmt.Sprintf("%q is no country", w.value), "write its two letters, as in country:CN, or country:- where nobody knows")
		}
	case MAC:
		m, err := net.ParseMAC(t.Value)
		if err != nil || len(m) != 6 {
			return p.wrong(w.colon, fmt.Sprintf("%q is no MAC address", w.value), "write it as in "+example(MAC)+"; without the field it may be part of one")
		}
		t.Value = m.String()
	case Reason:
		return p.oneOf(t, w, Reasons())
	case Is:
		return p.oneOf(t, w, Tags())
	}
	return nil
}

func (p *parser) oneOf(t *Term, w word, values []string) error {
	if slices.Contains(values, t.Value) {
		return nil
	}
	return p.wrong(w.colon, fmt.Sprintf("there is no %s %q", t.Field, w.value), "give one of "+strings.Join(values, ", "))
}

// takeTime reads a bound: so long ago, a day in UTC, or an instant.
func (p *parser) takeTime(field Field, w word) error {
	at, ok := timeOf(w.value, p.now)
	switch {
	case w.not:
		return p.wrong(w.at, fmt.Sprintf("%s cannot be left out", field), "since and until bound the time from both sides")
	case !ok:
		return p.wrong(w.colon, fmt.Sprintf("%q is no time", w.value), "write how long ago, as in "+example(field)+", or 2026-11-23, or 2026-11-23T14:00:00Z")
	}
	into := &p.f.since
	if field == Until {
		into = &p.f.until
	}
	if !into.IsZero() {
		return p.wrong(w.at, fmt.Sprintf("%s stands there twice", field), "write it once")
	}
	*into = at
	return nil
}

func timeOf(v string, now time.Time) (time.Time, bool) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if unit, is := units[v[len(v)-1]|0x20]; is {
		if n, err := strconv.ParseUint(v[:len(v)-1], 10, 16); err == nil {
			if n > uint64(now.Sub(time.Unix(0, 0))/unit) {
				return time.Time{}, false // before there was any
			}
			return now.Add(-time.Duration(n) * unit).UTC(), true
		}
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, strings.ToUpper(v)); err == nil && t.Year() >= 1970 && t.Year() < 2262 { // nanoseconds of Unix time end there
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func listed(fields []Field) string {
	var names []string
	for _, f := range fields {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// example is a word with a field, to be copied.
func example(f Field) string {
	switch f {
	case Address, Source:
		return string(f) + ":198.51.100.0/24"
	case MAC:
		return "mac:02:00:00:00:00:11"
	case Port:
		return "port:443"
	case Host, Said:
		return string(f) + ":*.example"
	case Network:
		return "network:as64500"
	case Country:
		return "country:CN"
	case Reason:
		return "reason:spoof"
	case Is:
		return "is:new"
	case Since, Until:
		return string(f) + ":24h"
	case Protocol:
		return "protocol:udp"
	case Layer:
		return "layer:L3"
	case Rule:
		return "rule:raw-egress"
	case Device:
		return "device:dev-gate"
	case Camera, Text:
	}
	return "camera:gate-north"
}
