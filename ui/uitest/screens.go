package uitest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Screens says which pictures of a running recorder's page to take.
type Screens struct {
	BaseURL  string        // of the recorder, for example http://127.0.0.1:8080
	Dir      string        // where the PNG files go
	Settle   time.Duration // after all tiles are live; default 2 s
	Patience time.Duration // for tiles to come live; default 30 s
	Latency  time.Duration // that every live tile must be below then; default: any
	Only     []string      // names of the pictures to take; default all
}

// shot is one picture.
type shot struct {
	name   string
	theme  string
	width  int64
	height int64
	first  string // JavaScript that brings the page into the state to show
	await  string // what is true then
	whole  bool   // the page to its end, not the window alone
}

// States of the page beside the one it opens with.
const (
	openCamera  = `document.querySelector('.tile[data-state=live] .open').click()`
	playFootage = `{
		const bar = document.querySelector('.strip nvr-timeline'), box = bar.getBoundingClientRect();
		bar.dispatchEvent(new MouseEvent('click', {clientX: box.x + box.width * 0.97, clientY: box.y + 5, bubbles: true}));
	}`
	explainAttempt = `document.querySelector('tr.attempt .expand').click()`
	speakKorean    = `document.querySelector('.tools button[lang=ko]').click()`
)

// shots are the pictures of docs/screens.
func shots() []shot {
	var all []shot
	for _, theme := range []string{"light", "dark"} {
		all = append(all,
			shot{name: "page-1440-" + theme, theme: theme, width: 1440, height: 900},
			shot{name: "page-390-" + theme, theme: theme, width: 390, height: 844},
			shot{name: "page-390-" + theme + "-whole", theme: theme, width: 390, height: 844, whole: true},
		)
	}
	return append(all,
		shot{name: "camera-1440-dark", theme: "dark", width: 1440, height: 900, first: openCamera, await: `document.querySelector('.stage')?.dataset.state === 'live'`},
		shot{name: "playback-1440-light", theme: "light", width: 1440, height: 900, first: playFootage, await: `document.querySelector('.stage')?.dataset.state === 'playing'`},
		shot{name: "attempt-1440-dark", theme: "dark", width: 1440, height: 900, first: explainAttempt, await: `!!document.querySelector('.explain .dump')`},
		shot{name: "korean-390-light-whole", theme: "light", width: 390, height: 844, whole: true, first: speakKorean, await: `document.documentElement.lang === 'ko'`},
		shot{name: "korean-1440-light", theme: "light", width: 1440, height: 900, first: speakKorean, await: `document.documentElement.lang === 'ko'`},
	)
}

// settled is true once no tile in sight is on its way (each plays or says why it
// does not) and every strip in sight shows what is recorded.
const settled = `[...document.querySelectorAll('.tile, .stage')].every(e => !['connecting','reconnecting','loading'].includes(e.dataset.state)) &&
	[...document.querySelectorAll('.strip')].every(e => e.getBoundingClientRect().top > innerHeight || e.dataset.read === 'true')`

// Take takes the pictures.
func (s Screens) Take(ctx context.Context) error {
	if s.Settle <= 0 {
		s.Settle = 2 * time.Second
	}
	if s.Patience <= 0 {
		s.Patience = 30 * time.Second
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	page, closeAll, err := Browser(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	for _, sh := range shots() {
		if len(s.Only) > 0 && !slices.Contains(s.Only, sh.name) {
			continue
		}
		if err := s.take(page, sh); err != nil {
			return fmt.Errorf("take %s: %w", sh.name, err)
		}
	}
	return nil
}

func (s Screens) take(page context.Context, sh shot) error {
	url := strings.TrimRight(s.BaseURL, "/") + "/"
	mobile := chromedp.EmulateViewport(sh.width, sh.height)
	theme := emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: sh.theme}})
	if err := chromedp.Run(page, mobile, theme, chromedp.Navigate("about:blank"), chromedp.Navigate(url)); err != nil {
		return err
	}
	if err := Await(page, `document.querySelectorAll('.tile').length > 0`, s.Patience); err != nil {
		return err
	}
	if err := sh.fit(page); err != nil {
		return err
	}
	if err := Await(page, `[...document.querySelectorAll('.tile')].some(e => e.dataset.state === 'live') && `+settled, s.Patience); err != nil {
		return err
	}
	if sh.first != "" {
		if err := chromedp.Run(page, chromedp.Evaluate(sh.first, nil)); err != nil {
			return err
		}
		if err := Await(page, sh.await, s.Patience); err != nil {
			return err
		}
		defer func() { _ = chromedp.Run(page, chromedp.Evaluate(`localStorage.clear()`, nil)) }() // the next picture begins anew
	}
	if err := chromedp.Run(page, chromedp.Sleep(s.Settle)); err != nil {
		return err
	}
	if err := sh.fit(page); err != nil { // it has grown meanwhile
		return err
	}
	if s.Latency > 0 {
		below := fmt.Sprintf(`[...document.querySelectorAll('.tile[data-state=live] .tech')].every(e => Number(/(\d+) ms/.exec(e.textContent)?.[1]) < %d)`, s.Latency.Milliseconds())
		if err := Await(page, below, s.Patience); err != nil {
			return err
		}
	}
	var png []byte
	if err := chromedp.Run(page, chromedp.CaptureScreenshot(&png)); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.Dir, sh.name+".png"), png, 0o644)
}

// fit makes the window as tall as the page where that is to be shown whole:
// tiles out of sight do not pull.
func (sh shot) fit(page context.Context) error {
	if !sh.whole {
		return nil
	}
	var height int64
	if err := chromedp.Run(page, chromedp.Evaluate(`Math.min(document.documentElement.scrollHeight, 6000)`, &height)); err != nil {
		return err
	}
	return chromedp.Run(page, chromedp.EmulateViewport(sh.width, height))
}
