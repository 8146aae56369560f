package ui_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/stockade-nvr/stockade/ui"
)

// TestTableHoldsStillAndLetsGo: what holds the table holds it through a change of
// the filter, and a row that left it is open no more.
func TestTableHoldsStillAndLetsGo(t *testing.T) {
	s := newFakeSite()
	attempt := func(n int, reason string) {
		s.block(phone(n, "North gate", "", fmt.Sprint("198.18.0.", n), "TCP", 443, reason, "L3", "raw"))
	}
	for n := range 4 {
		attempt(n, "egress")
	}
	attempt(4, "lateral")
	base := s.serve(t)
	page := browse(t)
	do(page, t, chromedp.EmulateViewport(1440, 1000), chromedp.Navigate(base))
	rows := func(n int) string { return fmt.Sprintf(`document.querySelectorAll('tr.attempt').length === %d`, n) }
	row := func(n int) string { return fmt.Sprintf(`tr.attempt[data-id=a%04d]`, n) }
	click := func(selector string) chromedp.Action {
		return chromedp.Evaluate(`document.querySelector("`+selector+`").click()`, nil)
	}
	const pause = `.filter > button`
	const said = `document.querySelector('.filter > button').textContent`

	// Held by the button, the filter's rows are held: by and by new ones are counted.
	await(page, t, rows(5))
	do(page, t, click(pause), click(row(4)+" .c-reason .by"))
	await(page, t, rows(1))
	attempt(5, "lateral")
	await(page, t, said+`.includes('1 new')`)
	await(page, t, rows(1))
	do(page, t, click(".filter-chip"))
	await(page, t, rows(6)) // all there is now, and no more
	attempt(6, "egress")
	await(page, t, said+`.includes('1 new') && `+rows(6))
	do(page, t, click(pause))
	await(page, t, rows(7))

	// An open row holds; when the filter takes it away, nothing does.
	do(page, t, click(row(4)+" .expand"))
	await(page, t, `!!document.querySelector('.explain')`)
	do(page, t, click(row(2)+" .c-reason .by"))
	await(page, t, rows(5)+` && !document.querySelector('.explain')`)
	attempt(7, "egress")
	await(page, t, rows(6))
	do(page, t, click(".filter-chip"))
	await(page, t, rows(8))
	await(page, t, `!document.querySelector('.explain')`)

	// The keyboard's focus holds it too, a pointer's click does not.
	do(page, t, chromedp.Focus(`.box input`, chromedp.ByQuery), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab))
	await(page, t, `!!document.activeElement.closest('.table-box')`)
	attempt(8, "egress")
	await(page, t, said+`.includes('1 new') && `+rows(8))
	do(page, t, chromedp.Evaluate(`document.activeElement.blur()`, nil), input.DispatchMouseEvent(input.MouseMoved, 5, 5))
	await(page, t, rows(9))
}

// TestOlderAttempts are read page by page, and what hinders that is said.
func TestOlderAttempts(t *testing.T) {
	s := newFakeSite()
	at := time.Now().UTC().Add(-time.Hour)
	for n := range 450 {
		a := phone(n, "North gate", "", "198.18.0.5", "TCP", 1000+n, "egress", "L3", "raw")
		a.First, a.Last, a.Count = at, at.Add(time.Duration(n)*time.Second), 1
		s.attempts = append(s.attempts, a)
	}
	s.refuse = &ui.Problem{Status: 503, Message: "the journal is busy", Fix: "try again in a moment"}
	base := s.serve(t)
	page := browse(t)
	do(page, t, chromedp.Navigate(base))
	const more = `document.querySelector('.table-foot button')`
	shown := func(n int) string { return fmt.Sprintf(`document.querySelectorAll('tr.attempt').length === %d`, n) }
	await(page, t, shown(100))
	do(page, t, chromedp.Evaluate(more+`.click()`, nil))
	await(page, t, shown(200))
	do(page, t, chromedp.Evaluate(more+`.click()`, nil))
	await(page, t, `document.querySelector('.table-foot[role=status]')?.textContent === 'The journal is busy → Try again in a moment'`)
	s.mu.Lock()
	s.refuse = nil
	s.mu.Unlock()
	for n := 300; n <= 400; n += 100 {
		do(page, t, chromedp.Evaluate(more+`.click()`, nil))
		await(page, t, shown(n)+` && !document.querySelector('.table-foot[role=status]')`)
	}
	do(page, t, chromedp.Evaluate(more+`.click()`, nil))
	await(page, t, shown(450)+` && !`+more)
}

// TestOverflowRow says that it is many attempts, and shows no address of zeros.
func TestOverflowRow(t *testing.T) {
	s := newFakeSite()
	a := phone(1, "North gate", "", "", "OTHER", 0, "egress", "L3", "raw-egress")
	a.MAC, a.Source, a.Overflow, a.Scan, a.Count = "", "", true, true, 4711
	s.block(a)
	base := s.serve(t)
	page := browse(t)
	do(page, t, chromedp.Navigate(base))
	await(page, t, `document.querySelector('tr.attempt .c-destination')?.textContent === 'many destinationslooks like a scan'`)
	do(page, t, chromedp.Evaluate(`document.querySelector('tr.attempt .expand').click()`, nil))
	await(page, t, `document.querySelector('.explain .overflow')?.textContent.includes('as a scan does')`)
	await(page, t, `document.querySelector('.explain h3').textContent === 'Beginning of the first packet'`)
	await(page, t, `!document.querySelector('#attempts').textContent.includes('00:00:00')`)
}
