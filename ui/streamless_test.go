package ui_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/stockade-nvr/stockade/ui"
)

func TestPageShowsTheOthersBesideACameraWithoutStreams(t *testing.T) {
	s := newFakeSite()
	s.add("attic", "Attic") // streams are null in JSON
	s.add("gate", "North gate", s.stream("gate", "main", encode(t, "h264", "640x360"), ui.RecordOn))
	base := s.serve(t)
	page := browse(t)
	do(page, t, chromedp.EmulateViewport(1440, 1000), chromedp.Navigate(base))
	await(page, t, tile("gate", "live"))
	await(page, t, `document.querySelector('.tile[data-camera=attic] .name')?.textContent === 'Attic'`)
	do(page, t, chromedp.Click(`.tile[data-camera=attic] .open`))
	await(page, t, `document.querySelector('dialog, .viewer')?.textContent.includes('Attic')`)
}
