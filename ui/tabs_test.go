package ui_test

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/stockade-nvr/stockade/ui"
)

// tabs are more than the connections that a browser opens to one server.
const tabs = 8

// TestManyPagesOfOneBrowser opens more pages than a browser opens connections:
// all are told of everything, over one event stream, also once the page that
// held it is closed.
func TestManyPagesOfOneBrowser(t *testing.T) {
	s := newFakeSite()
	s.block(phone(1, "North gate", "", "198.18.0.5", "TCP", 443, "egress", "L3", "raw-egress"))
	base := s.serve(t)
	first := browse(t)
	pages := []context.Context{first}
	closers := []context.CancelFunc{nil}
	for range tabs - 1 {
		page, closePage := chromedp.NewContext(first)
		t.Cleanup(closePage)
		pages, closers = append(pages, page), append(closers, closePage)
	}
	// The browser's first page ends the browser: another one leads, and is closed.
	lead := pages[1]
	do(lead, t, chromedp.Navigate(base))
	await(lead, t, `document.querySelectorAll('tr.attempt').length === 1`)
	for _, page := range append(pages[2:tabs:tabs], first) {
		do(page, t, chromedp.Navigate(base))
		await(page, t, `document.querySelector('[data-badge]')?.dataset.badge === 'enforced' && document.querySelectorAll('tr.attempt').length === 1`)
		await(page, t, `document.querySelector('.site').textContent === 'Camp North' && document.querySelector('.wall, .empty') !== null`)
	}
	eventually(t, "the pages have not one event stream", func() bool { return s.followers() == 1 })

	s.block(phone(2, "North gate", "", "198.18.0.6", "TCP", 443, "egress", "L3", "raw-egress"))
	for _, page := range pages {
		await(page, t, `document.querySelectorAll('tr.attempt').length === 2`)
	}
	closers[1]()
	eventually(t, "the closed page's event stream is still open", func() bool { return lead.Err() != nil && s.followers() <= 1 })
	s.block(phone(3, "North gate", "", "198.18.0.7", "TCP", 443, "egress", "L3", "raw-egress"))
	s.setContainment(func(c *ui.ContainmentView) { c.State = "not-enforced" })
	for _, page := range append(pages[2:tabs:tabs], first) {
		await(page, t, `document.querySelectorAll('tr.attempt').length === 3 && document.querySelector('[data-badge]').dataset.badge === 'not-enforced'`)
	}
	eventually(t, "the pages have not one event stream again", func() bool { return s.followers() == 1 })
}
