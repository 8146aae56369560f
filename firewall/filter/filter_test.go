package filter_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stockade-nvr/stockade/firewall/filter"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// one is a row as the tests choose from.
func one(field filter.Field) []string {
	row := map[filter.Field][]string{
		filter.Camera: {"gate-north", "gate-south"}, filter.Device: {"dev-gate"}, filter.Host: {"p2p.cloud.example"},
		filter.Address: {"198.18.0.5"}, filter.Port: {"32100"}, filter.Protocol: {"udp"}, filter.Country: {"CN"},
		filter.Source: {"10.20.1.11"}, filter.MAC: {"02:00:00:00:00:11"}, filter.Reason: {"egress"}, filter.Is: {"new", "beacon"},
		filter.Rule: {"raw egress"}, filter.Network: {"AS64500 Example Cloud"}, filter.Said: {"dev.cloud.example", "other.example"}, filter.Layer: {"L3"},
	}
	if field == filter.Text {
		for _, v := range row {
			row[filter.Text] = append(row[filter.Text], v...)
		}
	}
	return row[field]
}

func TestMatch(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "  ": true, "cloud": true, "CLOUD": true, "clouds": false, "-cloud": false, "-clouds": true,
		"camera:gate-north": true, "camera:gate": false, "Camera:GATE-North": true, "-camera:gate-north": false,
		"host:*.example": true, "host:*.cloud.example": true, "host:*.p2p.cloud.example": false, "host:p2p.cloud.example": true, "host:*.ample": false,
		"port:32100": true, "port:443": false, "port:443 port:32100": true, "port:443 port:80": false, "-port:443 -port:80": true,
		"port:443 port:32100 host:other.example": false, "port:443 -port:32100": false,
		"address:198.18.0.0/15": true, "address:198.18.0.5": true, "address:198.18.0.6": false, "source:10.20.0.0/16": true, "source:2001:db8::/32": false,
		"network:as64500": true, `network:"example cloud"`: true, "network:as645001": false, "network:-": false,
		"said:other.example": true, "said:*.cloud.example": true, "said:*": true, "said:-": false, "said:cloud.example": false,
		"country:cn": true, "country:KR": false, "country:-": false, "-country:-": true,
		"mac:02-00-00-00-00-11": true, "02:00:00:00:00:11": true, "198.18": true, "2001:db8::1": false,
		"is:new": true, "is:scan": false, "is:scan is:beacon": true, `rule:"raw egress"`: true, `"raw egress"`: true, `"host:p2p"`: false,
		"camera:gate-north -port:123 host:*.example country:CN since:24h reason:egress": true,
		"reason:spoof": false, "layer:l3": true, "since:24h": true,
	} {
		f, err := filter.Parse(text, now)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if f.Match(one) != want {
			t.Errorf("%q matches: %v, want %v", text, !want, want)
		}
	}
}

// However many words ask of a field, a row is asked for its values once.
func TestMatchAsksOncePerField(t *testing.T) {
	f, err := filter.Parse("address:192.0.2.1 -port:1 address:192.0.2.2 -port:2 address:192.0.2.3 other words", now)
	if err != nil {
		t.Fatal(err)
	}
	asked := map[filter.Field]int{}
	f.Match(func(field filter.Field) []string {
		asked[field]++
		return []string{"192.0.2.3", "other words"}
	})
	for field, n := range asked {
		if n != 1 {
			t.Errorf("%q is asked %d times", field, n)
		}
	}
	if len(asked) != 3 {
		t.Errorf("asked of %v", asked)
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		"since:24h": "2026-11-23T12:00:00Z", "since:90m": "2026-11-24T10:30:00Z", "since:7d": "2026-11-17T12:00:00Z", "since:2w": "2026-11-10T12:00:00Z",
		"since:2960w": "1970-03-03T12:00:00Z", "since:65535s": "2026-11-23T17:47:45Z", "since:2261-12-31": "2261-12-31T00:00:00Z", "since:1970-01-01": "1970-01-01T00:00:00Z",
		"since:2026-11-20": "2026-11-20T00:00:00Z", "since:2026-11-20T09:00:00+09:00": "2026-11-20T00:00:00Z",
	} {
		f, err := filter.Parse("x "+text, now)
		if err != nil || f.Since().Format(time.RFC3339) != want || !f.Until().IsZero() || len(f.Terms()) != 1 {
			t.Errorf("%s: %s, %v", text, f.Since(), err)
		}
	}
	if f, err := filter.Parse("since:2d until:1d", now); err != nil || !f.Until().Equal(now.Add(-24*time.Hour)) {
		t.Error(f, err)
	}
}

func TestErrorsHaveAPlaceAndAFix(t *testing.T) {
	for text, want := range map[string]struct {
		column int
		what   string
		fix    string
	}{
		"port:443 prot:udp":       {10, `no field "prot"`, "protocol"},
		"문 port:http":             {8, `"http" is no port`, "65535"},
		"port:0":                  {6, "is no port", "number"},
		"host:a.*.example":        {6, "asterisk", "host:*.example"},
		"address:gate":            {9, "is no address", "address:198.51.100.0/24"},
		"country:China":           {9, "is no country", "two letters"},
		"mac:02:00":               {5, "is no MAC", "02:00:00:00:00:11"},
		"reason:spoofed":          {8, `no reason "spoofed"`, "unknown-device"},
		"is:evil":                 {4, `no is "evil"`, "beacon"},
		"since:yesterday":         {7, "is no time", "since:24h"},
		"since:20000w":            {7, "is no time", "since:24h"},
		"since:2969w":             {7, "is no time", "since:24h"},
		"since:3000-01-01":        {7, "is no time", "since:24h"},
		"until:3000-01-01":        {7, "is no time", "2026-11-23"},
		"until:1969-12-31":        {7, "is no time", "2026-11-23"},
		"-since:24h":              {1, "cannot be left out", "bound"},
		"since:1h since:2h":       {10, "twice", "once"},
		`rule:"raw`:               {6, "not closed", `"`},
		`rule:raw"x"`:             {9, "within a word", "quotes"},
		`"a"b`:                    {4, "no space", "space"},
		"port:":                   {6, "no value", "port:443"},
		"a - b":                   {3, "empty", "minus"},
		strings.Repeat("a ", 33):  {65, "too many", "32"},
		strings.Repeat("a", 2000): {1, "too long", "1024"},
		"\xff":                    {1, "UTF-8", "UTF-8"},
	} {
		_, err := filter.Parse(text, now)
		var e *filter.Error
		if !errors.As(err, &e) {
			t.Errorf("%.40q: %v", text, err)
		} else if e.Column != want.column || !strings.Contains(e.What, want.what) || !strings.Contains(e.Fix, want.fix) {
			t.Errorf("%.40q: %v → %s", text, e, e.Fix)
		}
	}
}

// FuzzParse never panics, and its errors name a place within the text.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"camera:gate-north -port:123 host:*.example country:CN since:24h reason:spoof", `-"a b" rule:"x`, "2001:db8::1 mac:02:00:00:00:00:11", "since:2026-11-23", "문:문",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := filter.Parse(text, now)
		var e *filter.Error
		switch {
		case err == nil:
			got.Match(one)
		case !errors.As(err, &e) || e.Fix == "" || e.Column < 1 || e.Column > utf8.RuneCountInString(text)+1:
			t.Errorf("%q: %v", text, err)
		}
	})
}
