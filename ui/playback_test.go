package ui_test

import (
	"encoding/binary"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/stockade-nvr/stockade/ui"
)

// openAt opens the page at a camera's footage.
func openAt(base, camera string, at time.Time) chromedp.Action {
	return chromedp.Navigate(base + "/#" + url.Values{"camera": {camera}, "at": {at.UTC().Format(time.RFC3339Nano)}}.Encode())
}

const (
	stageIs = `document.querySelector('.stage.playback')?.dataset.state === `
	played  = `document.querySelector('.stage.playback video')`
)

func TestPlaybackGoesOnInAnotherFormat(t *testing.T) {
	s := newFakeSite()
	s.film = film(t, "libx264", "320x180", 20)
	change := time.Now().UTC().Truncate(time.Second).Add(-20 * time.Minute).Add(123456789 * time.Nanosecond) // finer than a page knows
	s.films = []formatChange{{change, film(t, "libx264", "640x360", 20)}}
	s.add("gate", "North gate", s.stream("gate", "main", encode(t, "h264", "320x180"), ui.RecordOn))
	base := s.serve(t)
	page := browse(t)
	do(page, t, openAt(base, "gate", change.Add(-20*time.Second)))
	await(page, t, stageIs+`'playing' && `+played+`.videoWidth === 320`)
	do(page, t, chromedp.Evaluate(played+`.currentTime = 19.5`, nil))
	await(page, t, stageIs+`'playing' && `+played+`.videoWidth === 640 && `+played+`.currentTime > 0`)
	await(page, t, fmt.Sprintf(`Math.abs(Number(document.querySelector('.wall-time').dataset.wall) - %d) < 15000`, change.UnixMilli()))
	do(page, t, chromedp.Navigate("about:blank"))
	eventually(t, "clips are still open", func() bool { return s.clips.Load() == 0 })
}

func TestFootageOfLongAgoPlays(t *testing.T) {
	s := newFakeSite()
	s.film = film(t, "libx264", "320x180", 20)
	s.old = time.Now().UTC().Add(-60 * 24 * time.Hour)
	s.add("gate", "North gate", s.stream("gate", "main", encode(t, "h264", "320x180"), ui.RecordOn))
	base := s.serve(t)
	page := browse(t)
	do(page, t, openAt(base, "gate", s.old.Add(5*time.Minute)))
	await(page, t, stageIs+`'playing' && `+played+`.currentTime > 0.2`)
	// The same instant asked for again plays again, also from the end.
	do(page, t, chromedp.Evaluate(`window.was = document.querySelector('.moment input').value`, nil),
		chromedp.Evaluate(played+`.pause()`, nil),
		chromedp.Evaluate(`{const i = document.querySelector('.moment input'); i.value = window.was;
			i.dispatchEvent(new Event('input', {bubbles: true})); i.form.requestSubmit()}`, nil))
	await(page, t, played+`.currentTime < 5`)
	// Where there is none, the next is offered: not over more than a listing may cover.
	do(page, t, openAt(base, "gate", s.old.Add(-time.Hour)), chromedp.Reload())
	await(page, t, stageIs+`'none' && document.querySelector('.stage .cover button')?.textContent.includes('Next footage')`)
}

// TestABrokenPictureIsNotLive sends what no decoder takes: the tile must say so,
// and never keep the last picture as if it were live.
func TestABrokenPictureIsNotLive(t *testing.T) {
	s := newFakeSite()
	broken := encode(t, "h264", "320x180")
	for i := range broken.units {
		if i%clipFPS > 5 { // a NAL unit that is longer than its access unit
			binary.BigEndian.PutUint32(broken.units[i], 1<<30)
		}
	}
	s.add("gate", "North gate", s.stream("gate", "main", broken, ui.RecordOn))
	base := s.serve(t)
	page := browse(t)
	do(page, t, chromedp.Navigate(base))
	await(page, t, tile("gate", "unplayable"))
	const cover = `document.querySelector('.tile[data-camera=gate] .cover')?.textContent`
	await(page, t, cover+`.includes('three times') && `+cover+`.includes('recorded all the same')`)
}
