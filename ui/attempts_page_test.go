package ui_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/audit"
)

// tried is a site with attempts of every kind, and accounts.
func tried(t *testing.T) *accountSite {
	t.Helper()
	s := campNorth(t)
	beacon := phone(30, "North gate", "relay.cam-cloud.example", "198.18.0.31", "TCP", 443, "egress", "L3", "raw-egress")
	beacon.Tags, beacon.Period, beacon.Jitter, beacon.Country = []string{"new", "odd", "beacon"}, 60, 4.2, "CN"
	beacon.Earlier = 40
	for n, hits := range []uint64{1200, 7, 90} {
		beacon.Times = append(beacon.Times, ui.TimeView{Start: time.Now().UTC().Add(time.Duration(n-3) * time.Hour), Width: 3600, Count: hits})
	}
	scan := phone(31, "Loading dock", "", "", "OTHER", 0, "egress", "L3", "raw-egress")
	scan.Scan, scan.Folded, scan.Count, scan.Tags = true, 1000, 1204, []string{"scan"}
	many := phone(32, "", "", "203.0.113.9", "UDP", 53, "spoof", "L3", "raw-spoof")
	many.Many, many.Folded, many.Source, many.MAC, many.Device, many.Tags = true, 20_000, "", "", "", []string{"many"}
	s.block(beacon)
	s.block(scan)
	s.block(many)
	return s.withAccounts(t)
}

// The one language on the page: words of cells, typed words, errors with a place,
// groups, and the sign-off.
func TestAttemptsAreSearchedAndSignedOffOnThePage(t *testing.T) {
	site := tried(t)
	page := browse(t)
	do(page, t, chromedp.EmulateViewport(1440, 1000), chromedp.Navigate(site.byName()))
	enter(page, t, "admin", secret)
	rows := func(n int) string { return fmt.Sprintf(`document.querySelectorAll('tr.attempt').length === %d`, n) }
	write := func(text string) chromedp.Action {
		return chromedp.Evaluate(fmt.Sprintf(`{const i = document.querySelector('.box input'); i.value = %q; i.dispatchEvent(new Event('input', {bubbles: true}))}`, text), nil)
	}
	choose := func(by string) chromedp.Action {
		return chromedp.Evaluate(fmt.Sprintf(`{const s = document.querySelector('#attempts .table-tools select'); s.value = %q; s.dispatchEvent(new Event('change', {bubbles: true}))}`, by), nil)
	}
	await(page, t, rows(11))
	await(page, t, `document.querySelector('tr.attempt[data-id=a0030]').textContent.includes('beacon 60 s ± 4 s')`)
	await(page, t, `document.querySelector('tr.attempt[data-id=a0031] .c-destination').textContent.includes('1,000 folded')`)

	do(page, t, chromedp.Evaluate(`document.querySelector('tr.attempt[data-id=a0030] .expand').click()`, nil))
	await(page, t, `document.querySelectorAll('.explain .times rect').length === 3 && document.querySelector('.explain').textContent.includes('40 earlier')`)
	do(page, t, chromedp.Evaluate(`document.querySelector('.explain').scrollIntoView({block: 'center'})`, nil))
	if dir := os.Getenv("STOCKADE_SCREENS"); dir != "" {
		var png []byte
		do(page, t, chromedp.CaptureScreenshot(&png))
		if err := os.WriteFile(filepath.Join(dir, "attempt-times.png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	do(page, t, chromedp.Evaluate(`document.querySelector('tr.attempt[data-id=a0030] .expand').click()`, nil))

	do(page, t, write("host:*.cam-cloud.example -port:123"))
	await(page, t, rows(3))
	do(page, t, write("port:http"))
	await(page, t, `document.querySelector('.filter .wrong')?.textContent.includes('Column 6') && document.querySelector('.filter .wrong').textContent.includes('65535')`)
	do(page, t, write(""))
	await(page, t, rows(11)+` && !document.querySelector('.filter .wrong')`)
	do(page, t, chromedp.Evaluate(`document.querySelector('tr.attempt[data-id=a0030] .by .mark').click()`, nil))
	await(page, t, rows(1)+` && document.querySelector('.filter-chip').textContent.includes('is:')`)
	do(page, t, chromedp.Evaluate(`document.querySelector('.filter-chip').click()`, nil))
	await(page, t, rows(11))

	// One that was folded into another row leaves the table.
	port := phone(50, "North gate", "", "198.18.0.50", "TCP", 50, "egress", "L3", "raw-egress")
	site.block(port)
	await(page, t, rows(12))
	port.Into = "a0031"
	site.block(port)
	await(page, t, rows(11))
	site.mu.Lock()
	site.attempts = site.attempts[:len(site.attempts)-1]
	site.mu.Unlock()

	await(page, t, `!!document.querySelector('.review button')`)
	do(page, t, choose("reason"))
	await(page, t, `document.querySelectorAll('.groups tbody tr').length === 4 && !document.querySelector('.review button')`)
	do(page, t, chromedp.Evaluate(`document.querySelector('.groups tr[data-group=lateral] .by').click()`, nil))
	await(page, t, rows(1)+` && !document.querySelector('.groups') && document.querySelector('.filter-chip').textContent.includes('reason:lateral') && !document.querySelector('.review button')`)
	do(page, t, chromedp.Evaluate(`document.querySelector('.filter-chip').click()`, nil))

	await(page, t, `document.querySelector('.review [data-unreviewed]')?.dataset.unreviewed === '11'`)
	// Nobody signs off what waits behind a pause.
	hold := chromedp.Evaluate(`document.querySelector('#attempts .filter > button.small').click()`, nil)
	do(page, t, hold)
	await(page, t, `!!document.querySelector('.review button')`)
	site.block(phone(51, "North gate", "", "198.18.0.51", "TCP", 51, "egress", "L3", "raw-egress"))
	await(page, t, `!document.querySelector('.review button')`)
	do(page, t, hold)
	await(page, t, rows(12)+` && !!document.querySelector('.review button')`)
	do(page, t, chromedp.Evaluate(`document.querySelector('.review button').click()`, nil))
	await(page, t, `document.querySelector('.review [data-unreviewed]')?.dataset.unreviewed === '0' && !document.querySelector('.review button')`)
	written, err := site.audit.Query(t.Context(), audit.Filter{Action: "attempts.reviewed"})
	if err != nil || len(written.Entries) != 1 || written.Entries[0].Actor != "admin" {
		t.Error(written, err)
	}

	countOn(page, t, choose("destination"), write)

	if dir := os.Getenv("STOCKADE_SCREENS"); dir != "" {
		site.block(phone(40, "North gate", "late.cam-cloud.example", "198.18.0.40", "TCP", 443, "egress", "L3", "raw-egress"))
		for _, way := range []screen{{"en", "light", 1440, 900}, {"en", "dark", 1440, 900}, {"ko", "light", 390, 844}, {"ko", "dark", 390, 844}} {
			for _, by := range []string{"", "destination"} {
				var png []byte
				do(page, t, chromedp.EmulateViewport(way.width, way.height), emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: way.theme}}),
					chromedp.Evaluate(`document.querySelector('button[lang=`+way.language+`]')?.click()`, nil), choose(by),
					chromedp.Evaluate(`document.querySelector('#attempts').scrollIntoView()`, nil), chromedp.Sleep(time.Second), chromedp.CaptureScreenshot(&png))
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("attempts-%s-%d-%s-%s.png", by, way.width, way.theme, way.language)), png, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// countOn counts further back what the list is grouped by: what was counted stays,
// and what comes late for another filter is not added. The recorder's answers are
// the test's, and what the page does each five seconds it does each 20 ms.
func countOn(page context.Context, t *testing.T, group chromedp.Action, write func(string) chromedp.Action) {
	t.Helper()
	row := func(attempts int) string {
		return fmt.Sprintf(`document.querySelectorAll('.groups tbody tr').length === 1 && document.querySelector('.groups td.num').textContent === '%d'`, attempts)
	}
	const more = `document.querySelector('.groups .table-foot button').click()`
	do(page, t, chromedp.Evaluate(`{
		const fetched = window.fetch, timer = window.setInterval;
		window.setInterval = (f, ms) => timer(f, ms === 5000 ? 20 : ms);
		window.timed = 0; // answers to the timer
		window.late = [];
		const answer = (n) => new Response(JSON.stringify({groups: [{value: 'x.example', attempts: n, count: n, first: '2026-11-23T14:00:00Z', last: '2026-11-23T15:00:00Z'}], next: 'c' + n}));
		window.fetch = (at, o) => {
			const q = new URL(at, location.href);
			if (!q.pathname.endsWith('attempts/groups')) return fetched(at, o);
			const own = q.searchParams.get('q') ? 20 : 1;
			if (!q.searchParams.has('cursor')) { window.timed++; return Promise.resolve(answer(own)); }
			return new Promise((done) => window.late.push(() => done(answer(own * 10))));
		};
		window.restored = () => { window.fetch = fetched; window.setInterval = timer; };
	}`, nil), group)
	await(page, t, row(1)+` && window.timed > 2`)
	do(page, t, chromedp.Evaluate(more+`; window.late.shift()(); window.timed = 0`, nil))
	await(page, t, row(11))
	var timed int
	do(page, t, chromedp.Evaluate(`new Promise((done) => setTimeout(() => done(window.timed), 200))`, &timed, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	if timed > 1 { // one may have been on its way
		t.Errorf("what was counted was read anew %d times", timed)
	}
	await(page, t, row(11))
	do(page, t, chromedp.Evaluate(more, nil))
	await(page, t, `window.late.length === 1`)
	do(page, t, write("is:new"))
	await(page, t, row(20))
	do(page, t, chromedp.Evaluate(more+`; window.late.shift()()`, nil)) // the old filter's comes while the new one's is on its way
	await(page, t, `window.late.length === 1`)
	do(page, t, chromedp.Evaluate(`window.late.shift()()`, nil))
	await(page, t, row(220))
	do(page, t, chromedp.Evaluate(`window.restored()`, nil), write(""))
}
