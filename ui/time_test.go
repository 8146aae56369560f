package ui_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/stockade-nvr/stockade/ui"
)

// before runs a script in every document before the page's own.
func before(script string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(script).Do(ctx)
		return err
	})
}

// TestTimesAreOfTheSitesZone looks from a browser in another zone, at hours that
// come twice or not at all.
func TestTimesAreOfTheSitesZone(t *testing.T) {
	s := newFakeSite()
	s.add("gate", "North gate", ui.StreamView{Stream: "main", State: ui.StreamLive, Recording: ui.RecordOn})
	s.streams["gate/main"] = newFakeStream(&clip{})
	s.streams["gate/main"].set(false, down("starting", "not tried yet"))
	s.block(phone(1, "North gate", "", "198.18.0.5", "TCP", 443, "egress", "L3", "raw"))
	base := s.serve(t)
	tab := browse(t)
	do(tab, t, emulation.SetTimezoneOverride("America/St_Johns"), chromedp.Navigate(base))

	seoul := time.FixedZone("GMT+9", 9*3600)
	await(tab, t, `document.querySelector('.clock .zone')?.textContent === 'GMT+9'`)
	await(tab, t, `Math.abs(Date.parse(document.querySelector('.clock .day').textContent + 'T' + document.querySelector('.clock .hms').textContent + '+09:00') - Date.now()) < 5000`)
	last := s.attempts[0].Last.In(seoul).Format("15:04:05")
	await(tab, t, `document.querySelector('tr.attempt time').textContent === '`+last+`'`)
	await(tab, t, `new Date().getTimezoneOffset() === 150 || new Date().getTimezoneOffset() === 210`) // the browser's zone is in force

	do(tab, t, chromedp.Click(`.tile[data-camera=gate] .open`, chromedp.ByQuery))
	for _, c := range []struct{ zone, text, at, shown string }{
		{"Asia/Seoul", "2025-11-23 14:03:12", "2025-11-23T05:03:12Z", "2025-11-23 14:03:12"},
		{"Asia/Seoul", "2025-11-23T14:03", "2025-11-23T05:03:00Z", "2025-11-23 14:03:00"},
		{"Asia/Seoul", "2025-11-23 14:03 Z", "2025-11-23T14:03:00Z", "2025-11-23 23:03:00"},
		{"Europe/Berlin", "2025-10-26 01:59:59", "2025-10-25T23:59:59Z", "2025-10-26 01:59:59"},
		{"Europe/Berlin", "2025-10-26 02:30", "2025-10-26T00:30:00Z", "2025-10-26 02:30:00 +02:00"},
		{"Europe/Berlin", "2025-10-26 02:30 +01:00", "2025-10-26T01:30:00Z", "2025-10-26 02:30:00 +01:00"},
		{"Europe/Berlin", "2025-10-26 03:00", "2025-10-26T02:00:00Z", "2025-10-26 03:00:00"},
		{"Europe/Berlin", "2025-03-30 02:30", "2025-03-30T01:30:00Z", "2025-03-30 03:30:00"}, // the hour that is left out
		{"America/New_York", "2025-11-02 01:10", "2025-11-02T05:10:00Z", "2025-11-02 01:10:00 -04:00"},
		{"America/New_York", "2025-11-02 01:10:00 -05:00", "2025-11-02T06:10:00Z", "2025-11-02 01:10:00 -05:00"},
		{"Australia/Lord_Howe", "2025-04-06 01:45", "2025-04-05T14:45:00Z", "2025-04-06 01:45:00 +11:00"}, // half an hour comes twice
		{"Asia/Kathmandu", "2025-11-23 00:00", "2025-11-22T18:15:00Z", "2025-11-23 00:00:00"},
	} {
		s.mu.Lock()
		s.zone = c.zone
		s.mu.Unlock()
		await(tab, t, `document.querySelector('.clock').title.includes('`+c.zone+`')`)
		do(tab, t, chromedp.Evaluate(`{const i = document.querySelector('.moment input');
			i.value = '`+c.text+`'; i.dispatchEvent(new Event('input', {bubbles: true})); i.form.requestSubmit()}`, nil))
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		await(tab, t, fmt.Sprintf(`Date.parse(new URLSearchParams(location.hash.slice(1)).get('at')) === %d`, at.UnixMilli()))
		await(tab, t, `document.querySelector('.moment input').value === '`+c.shown+`'`)
	}
}

// TestALateWordIsNotThePresent feeds the page's clock by hand: a message that is
// late is told from a clock that was set.
func TestALateWordIsNotThePresent(t *testing.T) {
	s := newFakeSite()
	base := s.serve(t)
	tab := browse(t)
	do(tab, t, before(`window.EventSource = class extends EventTarget {
		constructor() { super(); window.stream = this; this.readyState = 1; }
		close() {}
	}`), chromedp.Navigate(base))
	await(tab, t, `!!window.stream && !!document.querySelector('.clock')`)
	start := time.Date(2031, 5, 1, 0, 0, 0, 0, time.UTC) // 09:00 in Seoul
	// Each word says now and up; wait is the time that goes by before it, both in milliseconds.
	for _, c := range []struct {
		name                 string
		wait, now, up, shown int
	}{
		{"the first word", 0, 0, 100_000, 0},
		{"one that came faster", 0, 10_000, 110_000, 10_000},
		{"one that is late", 2500, 10_100, 110_100, 12_500},
		{"the clock is set forward", 0, 3_610_200, 110_200, 3_612_500},
		{"another late one", 2500, 3_610_300, 110_300, 3_615_000},
		{"the clock is set back", 0, 10_400, 110_400, 15_000},
		{"another recorder", 0, 5_000, 50, 5_000},
	} {
		do(tab, t, chromedp.Evaluate(fmt.Sprintf(`new Promise(done => setTimeout(() => {
			window.since = performance.now();
			window.stream.dispatchEvent(new MessageEvent('clock', {data: JSON.stringify({now: new Date(%d).toISOString(), up: %d})}));
			done();
		}, %d))`, start.UnixMilli()+int64(c.now), c.up, c.wait), nil, awaitPromise))
		// Timers are late on a loaded machine, never early: by as much the clock may be ahead.
		const shown = `Date.parse(document.querySelector('.clock .day').textContent + 'T' + document.querySelector('.clock .hms').textContent + '+09:00')`
		t.Run(c.name, func(t *testing.T) {
			await(tab, t, fmt.Sprintf(`(ahead => ahead > -1900 && ahead < 4000)(%s - %d - (performance.now() - window.since))`, shown, start.UnixMilli()+int64(c.shown)))
		})
	}
}

// awaitPromise has Evaluate wait for what a promise gives.
func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
