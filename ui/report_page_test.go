package ui_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// TestThePeriodReportIsAPageToPrint: it is asked for from the page, opens with its own
// style and no script that runs, and prints.
func TestThePeriodReportIsAPageToPrint(t *testing.T) {
	site := tried(t)
	tab := browse(t)
	strictly(tab, t)
	dir, ways := os.Getenv("STOCKADE_SCREENS"), []screen{{"ko", "dark", 390, 844}}
	if dir == "" {
		dir = t.TempDir()
	} else {
		ways = []screen{{"en", "light", 1440, 900}, {"ko", "dark", 1440, 900}, {"en", "dark", 390, 844}, {"ko", "light", 390, 844}}
	}
	do(tab, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(site.byName()))
	enter(tab, t, "auditor", secret)
	await(tab, t, `!!document.querySelector('.who-button')`)
	for _, way := range ways {
		take := func(name string) {
			t.Helper()
			var png []byte
			do(tab, t, chromedp.Sleep(350*time.Millisecond), chromedp.CaptureScreenshot(&png))
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s-%s.png", name, way.width, way.theme, way.language)), png, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		do(tab, t, chromedp.EmulateViewport(way.width, way.height), chromedp.Navigate(site.byName()),
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: way.theme}}))
		await(tab, t, `!!document.querySelector('#attempts .table-tools button')`)
		do(tab, t, chromedp.Evaluate(`document.querySelector('button[lang=`+way.language+`]')?.click()`, nil))
		await(tab, t, `document.documentElement.lang === '`+way.language+`'`)
		do(tab, t, chromedp.Evaluate(`document.querySelector('#attempts .table-tools > button').click()`, nil))
		await(tab, t, `!!document.querySelector('dialog a.primary')`)
		take("report-ask")
		do(tab, t, chromedp.Evaluate(`{const i = document.querySelector('#report-from'); i.value = 'yesterday'; i.dispatchEvent(new Event('input', {bubbles: true}))}`, nil))
		await(tab, t, `!document.querySelector('dialog a.primary')`)
		do(tab, t, chromedp.Evaluate(`document.querySelector('dialog .chips button').click()`, nil))
		await(tab, t, `!!document.querySelector('dialog a.primary')`)
		var link string
		do(tab, t, chromedp.Evaluate(`document.querySelector('dialog a.primary').href`, &link))
		do(tab, t, chromedp.Navigate(link))
		await(tab, t, `document.documentElement.lang === '`+way.language+`' && document.querySelectorAll('h2').length === 2`)
		await(tab, t, `getComputedStyle(document.body).maxWidth === '1100px' && document.body.scrollWidth <= innerWidth && document.querySelectorAll('b b').length === 0`)
		take("report")
	}
	var pdf []byte
	do(tab, t, chromedp.ActionFunc(func(ctx context.Context) (err error) {
		pdf, _, err = page.PrintToPDF().Do(ctx)
		return err
	}))
	if len(pdf) < 10_000 {
		t.Errorf("printed on %d bytes", len(pdf))
	}
	if n := site.entries(t, "report.make"); n != len(ways) {
		t.Errorf("the audit has %d entries of %d reports", n, len(ways))
	}
}
